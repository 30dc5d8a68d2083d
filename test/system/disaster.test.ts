/** A cluster of three managers and a worker that loses its quorum, its memory, and its keys, and gets over each. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../lab/host.ts';
import { importBusyboxInto } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { until } from '../lab/until.ts';

const STACK = `
services:
  web:
    image: busybox
    command: sh -c 'echo hello; exec sleep infinity'
    init: true
    deploy:
      replicas: 4
`;

let lan: Lan;
let hosts: Host[];
let first: Host;
let second: Host;
let third: Host;
let worker: Host;
let backup: string;
/** Ids of the containers that run before everything, by host. */
let containers: Map<Host, string>;

beforeAll(async () => {
  lan = await Lan.create('disaster', 4);
  hosts = lan.hosts;
  [first, second, third, worker] = hosts as [Host, Host, Host, Host];
  await Promise.all(hosts.map((host) => host.start()));
  await importBusyboxInto(hosts);
  await first.ok(['swarm', 'init', '--advertise-addr', first.address]);
  for (const [host, role] of [
    [second, 'manager'],
    [third, 'manager'],
    [worker, 'worker'],
  ] as const) {
    const token = await first.look(['swarm', 'join-token', '-q', role]);
    await host.ok(['swarm', 'join', '--token', token, `${first.address}:2377`]);
  }
  await first.ok(['stack', 'deploy', '-c', '-', 'shop'], { stdin: STACK });
  containers = new Map();
  for (const host of hosts) containers.set(host, await host.look(['ps', '-q', '--no-trunc']));
  backup = join(first.directory, 'cluster.backup');
});

afterAll(() => lan.destroy());

/** Host name → status and manager status. */
async function nodes(on: Host): Promise<Record<string, string>> {
  const lines = await on.look(['node', 'ls', '--format', '{{.Hostname}} {{.Status}}/{{.ManagerStatus}}']);
  return Object.fromEntries(lines.split('\n').map((line) => line.split(' ') as [string, string]));
}

async function untilNodes(on: Host, ...expected: string[]): Promise<void> {
  const all = Object.fromEntries(hosts.map(({ name }, index) => [name, expected[index]]));
  await until(`nodes to be ${expected}`, async () => {
    expect(await nodes(on)).toEqual(all);
    return true;
  });
}

/** Later ones may have come to them. */
async function expectSameContainers(...where: Host[]): Promise<void> {
  for (const host of where) {
    const running = (await host.look(['ps', '-q', '--no-trunc'])).split('\n');
    const before = containers.get(host)?.split('\n') ?? [];
    expect(running, host.name).toEqual(expect.arrayContaining(before));
  }
}

const localState = (host: Host) => host.look(['info', '--format', '{{.Swarm.LocalNodeState}}: {{.Swarm.Error}}']);

describe('a cluster', () => {
  it('is backed up while it runs, into a file of its own', async () => {
    await untilNodes(first, 'Ready/Leader', 'Ready/Reachable', 'Ready/Reachable', 'Ready/');
    await third.ok(['cluster', 'backup', backup]);
    expect(statSync(backup).mode & 0o777).toBe(0o600);
  });

  it('says what is lost with its quorum, and what runs goes on', async () => {
    await second.kill();
    await third.kill();
    const commands = [
      ['node', 'ls'],
      ['service', 'ls'],
      ['stack', 'ps', 'shop'],
    ];
    // Each waits a while for a leader.
    for (const { code, stderr } of await Promise.all(commands.map((command) => first.gantry(command)))) {
      expect({ code, lines: stderr.trimEnd().split('\n').length }).toEqual({ code: 1, lines: 1 });
      expect(stderr).toContain('2 of its 3 managers are needed');
      for (const host of [second, third]) expect(stderr).toContain(host.address);
      expect(stderr).toContain('gantry cluster recover');
    }
    expect(await localState(first)).toContain('2 of its 3 managers are needed');
    await expectSameContainers(first, worker);
    for (const host of [first, worker]) {
      const [container = ''] = (containers.get(host) ?? '').split('\n');
      expect(await host.ok(['logs', container])).toBe('hello');
      expect(await host.ok(['exec', container, 'echo', 'still here'])).toBe('still here');
    }
  });

  it('has its nodes start again what ends meanwhile, where it was', async () => {
    await until('the worker to know', async () => (await localState(worker)) !== 'active: ');
    const [container = ''] = (containers.get(worker) ?? '').split('\n');
    const inspected = (format: string) => worker.look(['inspect', container, '--format', format]);
    const address = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    const [pid, ip] = [await inspected('{{.State.Pid}}'), await inspected(address)];
    process.kill(Number(pid), 'SIGKILL');
    await until('it to end', async () => (await inspected('{{.State.Pid}}')) !== pid);
    await until('it to run again', async () => (await inspected('{{.State.Running}}')) === 'true');
    expect(await inspected(address)).toBe(ip);
    await expectSameContainers(worker);
  });

  it('goes on with one manager after one command, with all it had, and nobody joins again', async () => {
    await first.ok(['cluster', 'recover']);
    await until('the worker to be back', async () => (await nodes(first))[worker.name] === 'Ready/');
    expect((await nodes(first))[first.name]).toBe('Ready/Leader');
    await expectSameContainers(first, worker);
    await second.start();
    await third.start();
    await untilNodes(first, 'Ready/Leader', 'Ready/', 'Ready/', 'Ready/');
    await first.ok(['service', 'scale', 'shop_web=5']);
    expect((await first.gantry(['cluster', 'recover'])).stderr).toContain('have quorum');
  });

  it('waits with autolock for its unlock key when its manager was restarted, and what runs goes on', async () => {
    const told = await first.ok(['swarm', 'update', '--autolock']);
    const key = await first.ok(['swarm', 'unlock-key', '-q']);
    expect(told).toContain(key);
    const killed = first.pid('manager');
    process.kill(killed, 'SIGKILL');
    await until('the manager to be locked', async () => (await localState(first)).startsWith('locked: '));
    const refused = await first.gantry(['node', 'ls']);
    expect(refused.stderr).toContain('this manager is locked; give it the unlock key with "gantry cluster unlock"');
    await expectSameContainers(worker);
    expect((await first.gantry(['swarm', 'unlock'], { stdin: `GNTKEY-1-${'A'.repeat(43)}\n` })).code).toBe(1);
    await first.ok(['swarm', 'unlock'], { stdin: `${key}\n` });
    await untilNodes(first, 'Ready/Leader', 'Ready/', 'Ready/', 'Ready/');
  });

  it('has the unlock key of a manager that joins, and a rotated one', async () => {
    await first.ok(['node', 'promote', second.name]);
    await until('the second manager', async () => (await nodes(first))[second.name] === 'Ready/Reachable');
    const key = await second.ok(['swarm', 'unlock-key', '--rotate', '-q']);
    process.kill(second.pid('manager'), 'SIGKILL');
    await until('the manager to be locked', async () => (await localState(second)).startsWith('locked: '));
    await second.ok(['swarm', 'unlock'], { stdin: `${key}\n` });
    // Without it the first had no majority: whichever of the two is elected then, leads.
    await until('the second manager', async () =>
      /^Ready\/(Reachable|Leader)$/.test((await nodes(second))[second.name] ?? ''),
    );
    await first.ok(['node', 'demote', second.name]);
    await until('one manager', async () => (await nodes(first))[second.name] === 'Ready/');
  });

  it('is again what it was when it was backed up, with its nodes and what they run', async () => {
    expect((await first.gantry(['cluster', 'restore', backup])).stderr).toContain('is in a cluster');
    await first.ok(['cluster', 'restore', '--force', backup]);
    await untilNodes(first, 'Ready/Leader', 'Ready/', 'Ready/', 'Ready/');
    expect(await first.look(['service', 'ls', '--format', '{{.Replicas}}'])).toMatch(/\/4$/);
    await until('four tasks', async () => (await first.look(['service', 'ls', '--format', '{{.Replicas}}'])) === '4/4');
    await expectSameContainers(worker);
  });
});
