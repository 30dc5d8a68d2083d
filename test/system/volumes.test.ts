/** A service with a named local volume on a cluster of three: its tasks are where its data are, or wait and say so. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../lab/lab.ts';
import { formCluster } from '../lab/lab-cluster.ts';
import { until } from '../lab/until.ts';

/** A host that is off counts as down after 3 s, and its tasks as lost 5 s later; the rest is for a busy machine. */
const LOST_MS = 25_000;
const BACK_MS = 30_000;

const STACK = `
services:
  db:
    image: busybox
    command: [sh, -c, 'hostname >>/data/log && exec sleep 1000000']
    init: true
    volumes: ['data:/data']
    deploy: {update_config: {monitor: 1ms}}
volumes:
  data:
`;

let directory: string;
let lab: Lab;
let stack: string;
/** The host that has the data, and one that hasn't. */
let home: string;
let other: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gantry-volumes-test-'));
  stack = join(directory, 'stack.yml');
  await writeFile(stack, STACK);
  lab = await Lab.create(join(directory, 'lab'), 3);
  await formCluster(lab, () => undefined);
});

afterAll(async () => {
  await Lab.destroy(join(directory, 'lab'));
  await rm(directory, { recursive: true, force: true });
});

/** What a command that must succeed printed. */
const gantry = (host: string, ...words: string[]) => lab.host(host).ok(words);

/** The task that is meant to run: where, and how it is with it. */
async function task(on: string): Promise<string> {
  const format = '{{.Node}} {{.CurrentState}} {{.Error}}';
  const running = ['service', 'ps', '--no-trunc', '--filter', 'desired-state=running'];
  return await lab.host(on).look([...running, '--format', format, 'shop_db']);
}

const untilTask = (on: string, is: RegExp, withinMs: number) =>
  until(`the task to be ${is}`, async () => is.test(await task(on)), withinMs);

/** How often a container has been started with the data. */
async function starts(): Promise<number> {
  const id = await gantry(home, 'ps', '-q', '--filter', 'name=shop_db');
  return (await gantry(home, 'exec', id, 'cat', '/data/log')).split('\n').length;
}

describe('a service with a local volume', () => {
  it('is pinned to the host that it has first started on', async () => {
    await gantry('h1', 'stack', 'deploy', '-c', stack, 'shop');
    home = (await task('h1')).split(' ')[0] ?? '';
    other = home === 'h1' ? 'h2' : 'h1';
    expect(await starts()).toBe(1);
    await gantry('h1', 'service', 'update', '--force', 'shop_db');
    expect(await task('h1')).toMatch(new RegExp(`^${home} Running`));
    expect(await starts()).toBe(2);
  });

  it('waits when that host is drained, and says for what; the deploy says it, too', async () => {
    await gantry(other, 'node', 'update', '--availability', 'drain', home);
    await untilTask(other, /^ *Pending/, BACK_MS);
    const reason = `no suitable node (2 nodes: volume shop_data is on node ${home}; 1 node: drained)`;
    expect(await task(other)).toContain(reason);
    const deploy = ['stack', 'deploy', '--timeout', '3s', '-c', stack, 'shop'];
    const { code, stderr } = await lab.host(other).gantry(deploy);
    expect(code).toBe(1);
    expect(stderr).toContain(reason);
    await gantry(other, 'node', 'update', '--availability', 'active', home);
    await untilTask(other, new RegExp(`^${home} Running`), BACK_MS);
    expect(await starts()).toBe(3);
  });

  it('waits when that host has lost its power, and is back with its data when that is back', async () => {
    await lab.host(home).powerOff();
    await untilTask(other, /^ *Pending/, LOST_MS);
    expect(await task(other)).toContain(`(2 nodes: volume shop_data is on node ${home}; 1 node: not ready)`);
    await lab.host(home).start();
    await untilTask(other, new RegExp(`^${home} Running`), BACK_MS);
    expect(await starts()).toBe(4);
  });

  it('has its data again when the stack was removed and comes back', async () => {
    await gantry(other, 'stack', 'rm', 'shop');
    await gantry(other, 'stack', 'deploy', '-c', stack, 'shop');
    expect(await task(other)).toMatch(new RegExp(`^${home} Running`));
    expect(await starts()).toBe(5);
  });

  it('begins anew elsewhere once the volume was removed', async () => {
    await gantry(other, 'node', 'update', '--availability', 'drain', home);
    await untilTask(other, /^ *Pending/, BACK_MS);
    // The container of the task that was drained is still there to be looked at, with its volume.
    expect((await lab.host(home).gantry(['volume', 'rm', 'shop_data'])).stderr).toContain('it is in use by');
    await gantry(home, 'rm', ...(await gantry(home, 'ps', '-aq')).split('\n'));
    expect(await gantry(home, 'volume', 'rm', 'shop_data')).toBe('shop_data');
    const elsewhere = /^h[123] Running/;
    await untilTask(other, elsewhere, BACK_MS);
    expect(await task(other)).not.toMatch(new RegExp(`^${home} `));
  });
});
