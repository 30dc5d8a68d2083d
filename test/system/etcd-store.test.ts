/** Two managers with their cluster's log in an etcd on a third host: one dies, one is stopped, and etcd itself goes away. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ETCD_PROGRAM } from '../../manager/replication/etcd/etcd-server.testing.ts';
import type { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { until } from '../lab/until.ts';

const STACK = `
services:
  web:
    image: busybox
    command: sleep infinity
    init: true
    deploy:
      replicas: 4
`;

describe.skipIf(ETCD_PROGRAM === undefined)('a cluster with its log in etcd', () => {
  let lan: Lan;
  let first: Host;
  let second: Host;
  let etcdHost: Host;
  let etcd: ChildProcess;
  let store: readonly string[];

  beforeAll(async () => {
    lan = await Lan.create('etcd', 3);
    [first, second, etcdHost] = lan.hosts as [Host, Host, Host];
    store = ['--store', `etcd://${etcdHost.address}:2379/test`];
    startEtcd();
    await Promise.all([first, second].map((host) => host.start(store)));
    await Promise.all([first, second].map((host) => importBusybox(host)));
  });

  afterAll(async () => {
    await lan.destroy();
    await stopEtcd();
  });

  function startEtcd(): void {
    const url = `http://${etcdHost.address}:2379`;
    const flags = [
      '--listen-client-urls',
      url,
      '--advertise-client-urls',
      url,
      '--log-level',
      'fatal',
      '--logger',
      'zap',
    ];
    const dir = join(etcdHost.directory, 'etcd');
    const [program = '', ...args] = etcdHost.inside([ETCD_PROGRAM ?? 'etcd', '--data-dir', dir, ...flags]);
    etcd = spawn(program, args, { stdio: 'ignore' });
  }

  async function stopEtcd(): Promise<void> {
    if (etcd.exitCode !== null || etcd.signalCode !== null) return;
    const ended = once(etcd, 'exit');
    etcd.kill('SIGKILL');
    await ended;
  }

  /** Manager status of both, as `node ls` on a host shows them. */
  async function managers(on: Host): Promise<string[]> {
    const lines = await on.look(['node', 'ls', '--format', '{{.Hostname}} {{.ManagerStatus}}']);
    const found = Object.fromEntries(lines.split('\n').map((line) => line.split(' ')));
    return [first, second].map(({ name }) => found[name] ?? '');
  }

  async function untilManagers(on: Host, ...expected: string[]): Promise<void> {
    await until(`the managers to be ${expected}`, async () => {
      expect(await managers(on)).toEqual(expected);
      return true;
    });
  }

  async function running(on: Host): Promise<number> {
    const lines = await on.look(['service', 'ps', 'shop_web', '--format', '{{.CurrentState}} {{.DesiredState}}']);
    return lines.split('\n').filter((line) => /^Running .* Running$/.test(line)).length;
  }

  const scale = (on: Host, replicas: number) => on.ok(['service', 'scale', `shop_web=${replicas}`]);

  it('is made and joined as any other, and keeps no log on its hosts', async () => {
    await first.ok(['swarm', 'init', '--advertise-addr', first.address]);
    const token = await first.ok(['swarm', 'join-token', '-q', 'manager']);
    await second.ok(['swarm', 'join', '--token', token, `${first.address}:2377`]);
    await untilManagers(second, 'Leader', 'Reachable');
    for (const host of [first, second]) {
      expect(readdirSync(join(host.dataRoot, 'manager')).toSorted()).toEqual(['etcd-log.json', 'lock']);
    }
    await second.ok(['stack', 'deploy', '-c', '-', 'shop'], { stdin: STACK });
    await until('all tasks to run', async () => (await running(first)) === 4);
  });

  it('refuses what only a log of the managers’ own can have', async () => {
    for (const args of [
      ['swarm', 'update', '--autolock'],
      ['cluster', 'recover', '--force'],
    ]) {
      const { code, stderr } = await first.gantry(args);
      expect(code, stderr).not.toBe(0);
      expect(stderr).toContain('etcd');
    }
  });

  it('goes on with all state when the leader is killed', async () => {
    await first.kill();
    await untilManagers(second, 'Unreachable', 'Leader');
    await scale(second, 6);
    await until('all tasks to run', async () => (await running(second)) === 6);
    await first.start(store);
    await untilManagers(first, 'Reachable', 'Leader');
  });

  it('goes on when the leader is stopped, which then writes nothing that has been overtaken', async () => {
    const stopped = second.pid('manager');
    process.kill(stopped, 'SIGSTOP');
    try {
      await untilManagers(first, 'Leader', 'Unreachable');
      await scale(first, 3);
    } finally {
      process.kill(stopped, 'SIGCONT');
    }
    await untilManagers(second, 'Leader', 'Reachable');
    await until('three tasks to run', async () => (await running(second)) === 3);
    expect(second.pid('manager')).toBe(stopped);
  });

  it('takes a manager back that is demoted and at once promoted again', async () => {
    await second.ok(['node', 'demote', first.name]);
    await second.ok(['node', 'promote', first.name]);
    await until('both to be managers', async () => {
      const statuses = (await managers(second)).toSorted((one, other) => one.localeCompare(other));
      return `${statuses}` === 'Leader,Reachable';
    });
  });

  it('says what is missing while etcd is away, and goes on when it is back', async () => {
    const containers = () => Promise.all([first, second].map((host) => host.look(['ps', '-q'])));
    const scaleTo5 = () => first.gantry(['service', 'scale', '--detach', 'shop_web=5']);
    const before = await containers();
    await stopEtcd();
    await until('the managers to say so', async () => {
      const { code, stderr } = await scaleTo5();
      return code !== 0 && stderr.includes(`etcd at ${etcdHost.address}:2379`);
    });
    expect(await containers()).toEqual(before);
    startEtcd();
    await until('it to go on', async () => (await scaleTo5()).code === 0);
    await until('all tasks to run', async () => (await running(second)) === 5);
  });
});
