/** The first stack that a user sees, on a host of its own: it answers, and goes on answering whatever dies. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeCensus } from '../lab/census.ts';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { fetchMany, fetchOne } from '../lab/requests.ts';
import { until } from '../lab/until.ts';

const PORT = 8080;
const STACK = ['stack', 'deploy', '-c', 'examples/hello/stack.yml', 'hello'];

let host: Host;

beforeAll(async () => {
  host = await Host.create('hello');
  await host.start();
});

afterAll(() => host.destroy());

interface Page {
  readonly replica: string;
  readonly visit: number;
}

function readPage(text: string): Page {
  const match = /visit (\d+), answered by web (\S+)/.exec(text);
  if (match === null) throw new Error(`not the page: ${text}`);
  return { visit: Number(match[1]), replica: match[2] ?? '' };
}

async function visitsNow(): Promise<number> {
  const text = await fetchOne(host.inside([]), `http://127.0.0.1:${PORT}/`);
  return readPage(text).visit;
}

/** container id → pid of all running containers */
async function pids(): Promise<Record<string, number>> {
  const ids = (await host.look(['ps', '-q', '--no-trunc'])).split('\n').filter((id) => id !== '');
  const lines = await host.look(['inspect', '--format', '{{.Id}} {{.State.Pid}}', ...ids]);
  return Object.fromEntries(lines.split('\n').map((line) => [line.split(' ')[0], Number(line.split(' ')[1])]));
}

async function replicas(service: string): Promise<string> {
  return host.look(['service', 'ls', '--filter', `name=${service}`, '--format', '{{.Replicas}}']);
}

describe('the hello stack', () => {
  it('says what to do before there is a cluster', async () => {
    const { code, stderr } = await host.gantry(['node', 'ls']);
    expect(code).toBe(1);
    expect(stderr).toContain('gantry cluster init');
  });

  it('deploys with one command, which waits until all is healthy', async () => {
    await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
    await host.ok(STACK);
    expect(await replicas('hello_web')).toBe('3/3');
    const tasks = await host.ok(['stack', 'ps', 'hello', '--format', '{{.Name}} {{.CurrentState}}']);
    expect(tasks.split('\n').filter((line) => line.includes(' Running '))).toHaveLength(5);
  });

  it('reaches all three replicas on 127.0.0.1, on its address, and from another host, and counts each visit', async () => {
    for (const [prefix, address] of [
      [host.inside([]), '127.0.0.1'],
      [host.inside([]), HOST_ADDRESS],
      [host.outside([]), HOST_ADDRESS],
    ] as const) {
      const before = await visitsNow();
      const pages = (await fetchMany(prefix, `http://${address}:${PORT}/`, 30)).map(readPage);
      expect(new Set(pages.map(({ replica }) => replica)).size).toBe(3);
      expect(pages.map(({ visit }) => visit)).toEqual(pages.map((_, index) => before + 1 + index));
    }
  });

  it('changes nothing when it is deployed again', async () => {
    const before = await pids();
    await host.ok(STACK);
    expect(await pids()).toEqual(before);
  });

  it('keeps its count when it is scaled', async () => {
    const before = await visitsNow();
    await host.ok(['service', 'scale', 'hello_web=5']);
    await until('five replicas', async () => (await replicas('hello_web')) === '5/5');
    const pages = await until('all five to answer', async () => {
      const bodies = (await fetchMany(host.inside([]), `http://127.0.0.1:${PORT}/`, 20)).map(readPage);
      return new Set(bodies.map(({ replica }) => replica)).size === 5 ? bodies : undefined;
    });
    expect(pages[0]?.visit).toBeGreaterThan(before);
    await host.ok(['service', 'scale', 'hello_web=3']);
    await until('three replicas', async () => Object.keys(await pids()).length === 5);
  });

  it.each(['hello_web', 'hello_counter'])('replaces a task of %s whose process is killed', async (service) => {
    const before = await visitsNow();
    const ids = await host.look(['ps', '-q', '--no-trunc', '--filter', `name=${service}`]);
    const [victim = ''] = ids.split('\n');
    const pid = Number(await host.look(['inspect', '--format', '{{.State.Pid}}', victim]));
    process.kill(pid, 'SIGKILL');
    await until('the task to be gone', async () => !(victim in (await pids())));
    await until('a replacement', async () => Object.keys(await pids()).length === 5);
    await until('the page again', async () => (await visitsNow()) > before);
    const states = await host.ok(['service', 'ps', service, '--format', '{{.CurrentState}} {{.Error}}']);
    expect(states).toContain('Failed');
  });

  it.each(['gantryd', 'manager', 'both'])('outlives kill -9 of %s: same processes, nothing twice', async (what) => {
    const before = await pids();
    const manager = host.pid('manager');
    const visits = await visitsNow();
    if (what !== 'gantryd') process.kill(manager, 'SIGKILL');
    if (what !== 'manager') {
      await host.stop('SIGKILL');
      expect(await fetchOne(host.outside([]), `http://${HOST_ADDRESS}:${PORT}/health`)).toContain('ok');
      await host.start();
    }
    await until('the cluster to answer', async () => (await host.gantry(['node', 'ls'])).code === 0);
    await until('the node to be ready', async () => (await host.look(['node', 'ls'])).includes('Ready'));
    if (what === 'gantryd') expect(host.pid('manager')).toBe(manager);
    await until('three replicas', async () => (await replicas('hello_web')) === '3/3');
    expect(await pids()).toEqual(before);
    expect(readPage(await fetchOne(host.outside([]), `http://${HOST_ADDRESS}:${PORT}/`)).visit).toBeGreaterThan(visits);
    const names = await host.ok(['ps', '-a', '--format', '{{.Names}}']);
    expect(new Set(names.split('\n')).size).toBe(names.split('\n').length);
  });

  it('finds services, tasks and containers by name', async () => {
    const [web = ''] = (await host.ok(['ps', '-q', '--filter', 'name=hello_web'])).split('\n');
    const lookup = (name: string) => host.ok(['exec', web, 'nslookup', name]);
    const addresses = (text: string) =>
      text.split('\n').filter((line) => /^Address: \d/.test(line) && !line.includes(':53'));
    expect(addresses(await lookup('tasks.web'))).toHaveLength(3);
    expect(addresses(await lookup('counter'))).not.toHaveLength(0);
    const counter = await host.ok(['ps', '--filter', 'name=hello_counter', '--format', '{{.Names}}']);
    expect(addresses(await lookup(counter))).toHaveLength(1);
  });

  it('shows logs of a service, and of a container', async () => {
    const [greeter = ''] = (await host.ok(['ps', '-q', '--filter', 'name=hello_greeter'])).split('\n');
    await host.ok(['exec', greeter, 'sh', '-c', 'echo to the log >/proc/1/fd/1']);
    await until('the line', async () => (await host.ok(['logs', greeter])).includes('to the log'));
    expect(await host.ok(['service', 'logs', 'hello_greeter'])).toContain('to the log');
  });

  it('leaves nothing when it is removed and the host stops', async () => {
    const fresh = await Host.create('fresh');
    try {
      const empty = await takeCensus(fresh);
      await fresh.start();
      await fresh.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
      await fresh.ok(STACK);
      await fresh.ok(['stack', 'rm', 'hello']);
      expect(await fresh.ok(['ps', '-aq'])).toBe('');
      expect(await fresh.ok(['network', 'ls', '--format', '{{.Name}}'])).not.toContain('hello');
      await fresh.ok(STACK);
      await fresh.ok(['system', 'stop', '--force'], { timeoutMs: 60_000 });
      await fresh.stop('SIGTERM');
      const after = await takeCensus(fresh);
      expect({ ...after, cgroups: [] }).toEqual({ ...empty, cgroups: [] });
    } finally {
      await fresh.destroy();
    }
  });
});
