/** Deploys that something comes between: the leader that ends or loses its power, and the user who presses Ctrl-C. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../lab/engine-host.ts';
import { Lab } from '../lab/lab.ts';
import { formCluster } from '../lab/lab-cluster.ts';
import type { PoweredHost } from '../lab/powered-host.ts';
import { until } from '../lab/until.ts';

const REPLICAS = 6;

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.create(await mkdtemp(join(tmpdir(), 'gantry-cut-')), 3);
  await formCluster(lab, () => undefined);
});

afterAll(async () => {
  await Lab.destroy(lab.directory);
  await rm(lab.directory, { recursive: true, force: true });
});

function stackFile(name: string, text: string): string {
  const path = join(lab.directory, `${name}.yml`);
  writeFileSync(path, text);
  return path;
}

/** A command that runs, with what it has written so far. It itself gets the signals, as nothing stands between. */
function begin({ socket }: PoweredHost, ...argv: string[]) {
  const args = ['--host', socket, ...argv];
  const child = spawn(join(ROOT, 'cli/bin/gantry'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const running = { child, output: '', ended: new Promise<number | null>((resolve) => child.once('exit', resolve)) };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (running.output += String(data)));
  return running;
}

/** The host whose manager leads, and the others. */
async function leaderAndOthers(): Promise<{ leader: PoweredHost; others: [PoweredHost, PoweredHost] }> {
  const list = await lab.host('h1').look(['node', 'ls', '--format', '{{.Hostname}} {{.ManagerStatus}}']);
  const leader = lab.host(/^(\S+) Leader$/m.exec(list)?.[1] ?? '');
  const others = lab.hosts.filter((host) => host !== leader) as [PoweredHost, PoweredHost];
  return { leader, others };
}

async function containers(service: string, hosts: readonly PoweredHost[] = lab.hosts): Promise<string[]> {
  const lists = await Promise.all(hosts.map((host) => host.look(['ps', '-q', '--filter', `name=${service}.`])));
  return lists.flatMap((ids) => ids.split('\n')).filter((id) => id !== '');
}

/** A host that is back stops what runs elsewhere by now. */
const untilEachOnce = (service: string) =>
  until('each task once', async () => (await containers(service)).length === REPLICAS, 60_000);

describe('a deploy whose leader is killed', () => {
  it.each([
    ['before it has answered', 'asked'],
    ['while tasks are being started', 'starting'],
  ])('%s ends when all runs, once', async (_, when) => {
    const file = stackFile(
      when,
      `services:
  web:
    image: busybox
    init: true
    command: sleep 1000
    stop_grace_period: 1s
    healthcheck: { test: "true", interval: 300ms, start_period: 30s }
    deploy: { replicas: ${REPLICAS}, update_config: { monitor: 500ms } }
`,
    );
    const { leader, others } = await leaderAndOthers();
    const [other] = others;
    const deploy = begin(other, 'stack', 'deploy', '-c', file, when);
    if (when === 'starting') await until('its first lines', async () => deploy.output.includes(`${when}_web: `));
    await leader.kill('gantryd');
    await leader.kill('manager');
    expect([await deploy.ended, deploy.output]).toEqual([0, expect.stringContaining(`${when}_web: 6/6 running\n`)]);
    // No stack traces, no internals: each line is one of these.
    const known =
      /^(Creating \w+ \w+|Updating \w+ \w+|\w+: \d\/6 running.*|watch: interrupted, .*|gantry: warning: .*)?$/;
    expect(deploy.output.split('\n').filter((line) => !known.test(line))).toEqual([]);
    await leader.start();
    await untilEachOnce(`${when}_web`);
    const versions = ['stack', 'history', '--format', '{{.Version}}', when];
    expect(await other.ok(versions)).toBe('1');
    await other.ok(['stack', 'rm', when]);
  });
});

describe('a deploy whose leader loses its power', () => {
  it('ends when all runs on the others, each once, as one version', async () => {
    const file = stackFile(
      'dark',
      `services:
  web:
    image: busybox
    init: true
    command: sleep 1000
    healthcheck: { test: "true", interval: 300ms, start_period: 30s }
    deploy: { replicas: ${REPLICAS}, update_config: { monitor: 500ms } }
`,
    );
    const { leader, others } = await leaderAndOthers();
    const [asked] = others;
    const deploy = begin(asked, 'stack', 'deploy', '-c', file, 'dark');
    await until('its first lines', async () => deploy.output.includes('dark_web: '));
    await leader.powerOff();
    expect([await deploy.ended, deploy.output]).toEqual([0, expect.stringContaining('dark_web: 6/6 running\n')]);
    expect(await containers('dark_web', others)).toHaveLength(REPLICAS);
    expect(await asked.look(['stack', 'history', '--format', '{{.Version}}', 'dark'])).toBe('1');
    await leader.start();
    // What it ran before has been replaced.
    await until('the node to be back', async () => {
      const nodes = await asked.look(['node', 'ls', '--format', '{{.Hostname}} {{.Status}}']);
      return nodes.split('\n').every((line) => line.endsWith(' Ready'));
    });
    await untilEachOnce('dark_web');
    await asked.ok(['stack', 'rm', 'dark']);
  });
});

describe('a deploy that its user leaves', () => {
  it('goes on, and says so', async () => {
    const host = lab.host('h1');
    const file = stackFile(
      'left',
      'services: { web: { image: busybox, init: true, command: sleep 1000, healthcheck: { test: "false", start_period: 60s } } }\n',
    );
    const deploy = begin(host, 'stack', 'deploy', '-c', file, 'left');
    await until('its first lines', async () => deploy.output.includes('left_web: '));
    deploy.child.kill('SIGINT');
    expect(await deploy.ended).toBe(130);
    expect(deploy.output).toContain(
      "gantry: interrupted: the deploy of stack left goes on; 'gantry stack ps left' shows how far it is, ",
    );
    expect(await host.look(['stack', 'ps', '-q', 'left'])).not.toBe('');
    await host.ok(['stack', 'rm', 'left']);
  });
});

describe('up in the foreground', () => {
  it('goes away with the third Ctrl-C, although the managers say nothing', async () => {
    const host = lab.host('h1');
    const file = stackFile(
      'gone',
      'services: { a: { image: busybox, init: true, command: sh -c "echo begun; sleep 1000" } }',
    );
    const up = begin(host, 'compose', '-p', 'gone', '-f', file, 'up');
    await until('the first line', async () => up.output.includes('| begun'));
    const managers = lab.hosts.map((one) => one.pid('manager')).filter((pid) => pid !== undefined);
    expect(managers).toHaveLength(3);
    for (const pid of managers) process.kill(pid, 'SIGSTOP');
    try {
      up.child.kill('SIGINT');
      await until('the answer to the first', async () => up.output.includes('press Ctrl+C again to force'));
      // Two that come too close together count as one.
      let ended: number | null | undefined;
      void up.ended.then((code) => (ended = code));
      await until('its end', async () => {
        up.child.kill('SIGINT');
        return ended !== undefined;
      });
      // A fourth, as it goes away, ends it as signals do.
      expect([130, null]).toContain(ended);
    } finally {
      up.child.kill('SIGKILL');
      for (const pid of managers) process.kill(pid, 'SIGCONT');
    }
    await until('the managers', async () => (await host.gantry(['node', 'ls'])).code === 0, 60_000);
    await host.ok(['compose', '-p', 'gone', '-f', file, 'down', '-t', '0']);
  });
});
