/** On a cluster of three: a task with an address of its own has it on whichever host it runs; one that mounts a host's path stays there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../lab/lab.ts';
import { formCluster } from '../lab/lab-cluster.ts';
import { until } from '../lab/until.ts';

const HOSTS = ['h1', 'h2', 'h3'];
const ADDRESS = '10.77.0.99';
const MOVED_MS = 30_000;

let directory: string;
let lab: Lab;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gantry-fixed-test-'));
  lab = await Lab.create(join(directory, 'lab'), HOSTS.length);
  await formCluster(lab, () => undefined);
});

afterAll(async () => {
  await Lab.destroy(join(directory, 'lab'));
  await rm(directory, { recursive: true, force: true });
});

/** What a command that must succeed printed. */
const gantry = (host: string, ...words: string[]) => lab.host(host).ok(words);
const refusal = async (...words: string[]) => (await lab.host('h1').gantry(words)).stderr;

/** The task that is meant to run: where, and how it is with it. */
function task(name: string): Promise<string> {
  const format = '{{.Node}} {{.CurrentState}} {{.Error}}';
  const running = ['service', 'ps', '--no-trunc', '--filter', 'desired-state=running'];
  return lab.host('h1').look([...running, '--format', format, name]);
}

const nodeOf = async (name: string) => (await task(name)).split(' ')[0] ?? '';

/** Whether the address answers on each host, and is the task's own. */
async function untilReached(): Promise<void> {
  for (const host of HOSTS) {
    const client = await gantry(host, 'ps', '-q', '--filter', 'name=client.');
    await until(
      `the address to answer on ${host}`,
      async () => {
        const ping = ['exec', client, 'ping', '-c', '1', '-w', '1', ADDRESS];
        return (await lab.host(host).gantry(ping)).code === 0;
      },
      MOVED_MS,
    );
  }
  const home = await nodeOf('fixed');
  const own = await gantry(home, 'ps', '-q', '--filter', 'name=fixed.');
  expect(await gantry(home, 'exec', own, 'ip', '-4', 'addr')).toContain(`inet ${ADDRESS}/`);
}

describe('an address of its own', () => {
  it('is the task’s, and reached from all hosts', async () => {
    await gantry('h1', 'network', 'create', '-d', 'overlay', '--subnet', '10.77.0.0/24', 'net');
    const run = ['--init', '-q'];
    const flags = [...run, '--update-monitor', '0s'];
    const sleep = ['busybox', 'sleep', '1000000'];
    await gantry(
      'h1',
      'service',
      'create',
      '--name',
      'fixed',
      '--network',
      `name=net,ip=${ADDRESS}`,
      ...flags,
      ...sleep,
    );
    await gantry(
      'h1',
      'service',
      'create',
      '--name',
      'client',
      '--mode',
      'global',
      '--network',
      'net',
      ...run,
      ...sleep,
    );
    await untilReached();
  });

  it('goes with the task to another host', async () => {
    const before = await nodeOf('fixed');
    await gantry('h1', 'node', 'update', '--availability', 'drain', before);
    await until(
      'the task to run elsewhere',
      async () => {
        const now = await task('fixed');
        return now.includes('Running') && !now.startsWith(`${before} `);
      },
      MOVED_MS,
    );
    await gantry('h1', 'node', 'update', '--availability', 'active', before);
    await until(
      'the client to be back',
      async () => (await gantry(before, 'ps', '-q', '--filter', 'name=client.')) !== '',
      MOVED_MS,
    );
    await untilReached();
    await gantry('h1', 'service', 'update', '--force', '-q', 'fixed');
    await untilReached();
  });

  it('is refused where it can’t be had', async () => {
    const create = (address: string, ...more: string[]) =>
      refusal('service', 'create', '--network', `name=net,ip=${address}`, ...more, 'busybox', 'true');
    expect(await create(ADDRESS)).toContain(`address ${ADDRESS} of network net is service fixed's`);
    expect(await create('10.77.0.98', '--replicas', '2')).toContain('which one task can have');
    expect(await create('10.78.0.98')).toContain('is no address of network net');
    const first = await gantry('h1', 'network', 'inspect', '--format', '{{(index .IPAM.Config 0).Gateway}}', 'net');
    expect(await create(first)).toContain('is no address of network net');
    expect(await create('10.77.0.2')).toMatch(/is among those that node h\d gives out/);
  });
});

describe('a path of the host', () => {
  it('keeps the task where it has first run, and says so', async () => {
    const mount = `type=bind,source=${directory},target=/data`;
    await gantry(
      'h1',
      'service',
      'create',
      '--name',
      'bound',
      '--mount',
      mount,
      '--init',
      '-q',
      'busybox',
      'sleep',
      '1000000',
    );
    const home = await nodeOf('bound');
    await gantry('h1', 'node', 'update', '--availability', 'drain', home);
    await until(
      'it to be said',
      async () => (await task('bound')).includes(`path ${directory} is on node ${home}`),
      MOVED_MS,
    );
    await gantry('h1', 'node', 'update', '--availability', 'active', home);
    await until('it to be back', async () => (await task('bound')).startsWith(`${home} Running`), MOVED_MS);
    await gantry('h1', 'service', 'rm', 'bound');
  });
});
