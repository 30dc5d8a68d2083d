/** Hosts that join to a cluster: three managers and a worker, roles that change, and a leader that dies. */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Census, takeCensus } from '../lab/census.ts';
import type { Host } from '../lab/host.ts';
import { importBusyboxInto } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { until } from '../lab/until.ts';

const STACK = `
services:
  web:
    image: busybox
    command: sleep infinity
    init: true
    deploy:
      replicas: REPLICAS
      update_config: { monitor: 1ms }
`;

let lan: Lan;
let hosts: Host[];
let first: Host;
let second: Host;
let third: Host;
let worker: Host;
/** Of the third and the fourth host, before anything of Gantry was there. */
let empty: readonly Census[];

beforeAll(async () => {
  lan = await Lan.create('join', 4);
  hosts = lan.hosts;
  [first, second, third, worker] = hosts as [Host, Host, Host, Host];
  empty = await Promise.all([third, worker].map(takeCensus));
  await Promise.all(hosts.map((host) => host.start()));
  await importBusyboxInto(hosts);
});

afterAll(() => lan.destroy());

async function join(host: Host, role: 'worker' | 'manager'): Promise<string> {
  const token = await first.look(['swarm', 'join-token', '-q', role]);
  return host.ok(['swarm', 'join', '--token', token, `${first.address}:2377`]);
}

/** Host name → manager status, as `node ls` on a host shows them. */
async function nodes(on: Host, column = '{{.Status}}/{{.ManagerStatus}}'): Promise<Record<string, string>> {
  const lines = await on.look(['node', 'ls', '--format', `{{.Hostname}} ${column}`]);
  return Object.fromEntries(lines.split('\n').map((line) => [line.split(' ')[0], line.split(' ')[1] ?? '']));
}

function statuses(...managers: (string | undefined)[]): Record<string, string> {
  return Object.fromEntries(
    managers.flatMap((status, index) => (status === undefined ? [] : [[hosts[index]?.name ?? '', status]])),
  );
}

/** Waits until `node ls` shows these; from any of the managers it is the same. */
async function untilNodes(on: Host, ...expected: (string | undefined)[]): Promise<void> {
  await until(`nodes to be ${expected}`, async () => {
    expect(await nodes(on)).toEqual(statuses(...expected));
    return true;
  });
}

async function deploy(on: Host, replicas: number): Promise<void> {
  await on.ok(['stack', 'deploy', '-c', '-', 'shop'], { stdin: STACK.replace('REPLICAS', String(replicas)) });
}

/** Running tasks by host. */
async function spread(on: Host): Promise<Record<string, number>> {
  const lines = await on.look([
    'service',
    'ps',
    'shop_web',
    '--format',
    '{{.Node}} {{.CurrentState}} {{.DesiredState}}',
  ]);
  const running = lines.split('\n').filter((line) => / Running .* Running$/.test(line));
  return Object.fromEntries(
    hosts.map(({ name }) => [name, running.filter((line) => line.startsWith(`${name} `)).length]),
  );
}

const counts = (...numbers: number[]) =>
  Object.fromEntries(hosts.map(({ name }, index) => [name, numbers[index] ?? 0]));

const sum = (tasks: Record<string, number>) => Object.values(tasks).reduce((total, count) => total + count, 0);

/** Its containers, once those that it is to stop have gone. */
async function tasksOnWorker(manager: Host): Promise<string[]> {
  return until('the worker to run its tasks and nothing else', async () => {
    const ids = (await worker.look(['ps', '-q'])).split('\n').filter((id) => id !== '');
    return ids.length === (await spread(manager))[worker.name] ? ids.toSorted() : undefined;
  });
}

async function leader(on: Host): Promise<Host> {
  return until('a leader', async () => {
    const found = Object.entries(await nodes(on)).find(([, status]) => status.endsWith('/Leader'))?.[0];
    return hosts.find(({ name }) => name === found);
  });
}

describe('a cluster of several hosts', () => {
  it('is made with one command per host', async () => {
    const told = await first.ok(['swarm', 'init', '--advertise-addr', first.address]);
    expect(told).toContain(`${first.address}:2377`);
    expect(await join(second, 'manager')).toContain('joined a cluster as a manager');
    expect(await join(third, 'manager')).toContain('joined a cluster as a manager');
    expect(await join(worker, 'worker')).toContain('joined a cluster as a worker');
    await untilNodes(first, 'Ready/Leader', 'Ready/Reachable', 'Ready/Reachable', 'Ready/');
  });

  it('is the same from every manager; each knows itself, and a worker sends elsewhere', async () => {
    for (const host of [second, third]) {
      await untilNodes(host, 'Ready/Leader', 'Ready/Reachable', 'Ready/Reachable', 'Ready/');
      const self = await host.look(['node', 'ls', '--format', '{{if .Self}}{{.Hostname}}{{end}}']);
      expect(self.trim()).toBe(host.name);
      expect(await host.look(['node', 'inspect', 'self', '--format', '{{.Description.Hostname}}'])).toBe(host.name);
    }
    const { code, stderr } = await worker.gantry(['node', 'ls']);
    expect(code).toBe(1);
    expect(stderr).toContain('this node is a worker');
    expect(stderr).toContain(first.address);
  });

  it('spreads a service over the hosts, written through any manager', async () => {
    await deploy(third, 8);
    expect(await spread(second)).toEqual(counts(2, 2, 2, 2));
    await second.ok(['service', 'scale', 'shop_web=4']);
    await until('four tasks', async () => sum(await spread(first)) === 4);
  });

  it('moves tasks off a node that is drained, and gives none to one that is paused', async () => {
    await first.ok(['node', 'update', '--availability', 'drain', worker.name]);
    await until('the tasks to move', async () => (await spread(first))[worker.name] === 0);
    await first.ok(['node', 'update', '--availability', 'pause', worker.name]);
    await first.ok(['service', 'scale', 'shop_web=8']);
    expect((await spread(first))[worker.name]).toBe(0);
    await first.ok(['node', 'update', '--availability', 'active', worker.name]);
    await first.ok(['service', 'scale', 'shop_web=12']);
    await until('it to get some', async () => Number((await spread(first))[worker.name]) > 0);
  });

  it('places tasks where the service allows, and moves them one by one when that changes', async () => {
    const placed = (placement: string) =>
      first.ok(['stack', 'deploy', '-c', '-', 'shop'], {
        stdin: `${STACK.replace('REPLICAS', '2')}      placement: ${placement}\n`,
      });
    await second.ok(['node', 'update', '--label-add', 'zone=east', second.name]);
    await placed('{constraints: [node.labels.zone==east]}');
    await until('both to be there', async () => (await spread(first))[second.name] === 2);
    await placed('{constraints: [node.role==worker, node.labels.zone!=east]}');
    await until('both to be on the worker', async () => (await spread(first))[worker.name] === 2);
    const reason = 'no suitable node (3 nodes: constraint node.role==worker not met; 1 node: has 1 of the service';
    await placed('{constraints: [node.role==worker], max_replicas_per_node: 1}');
    await first.ok(['service', 'scale', '--detach', 'shop_web=3']);
    await until('the third to say why it waits', async () =>
      (await first.look(['service', 'ps', 'shop_web', '--no-trunc'])).includes(reason),
    );
    await first.ok(['stack', 'rm', 'shop']);
    await deploy(first, 12);
  });

  it('promotes a worker and demotes it again, and its state goes with the role', async () => {
    const tasks = await tasksOnWorker(second);
    await second.ok(['node', 'promote', worker.name]);
    await untilNodes(worker, 'Ready/Leader', 'Ready/Reachable', 'Ready/Reachable', 'Ready/Reachable');
    expect(readdirSync(worker.dataRoot)).toContain('manager');
    await second.ok(['node', 'demote', worker.name]);
    await untilNodes(first, 'Ready/Leader', 'Ready/Reachable', 'Ready/Reachable', 'Ready/');
    await until('its manager to go', () => !readdirSync(worker.dataRoot).includes('manager'));
    await until('it to be a worker', async () => (await worker.gantry(['node', 'ls'])).code === 1);
    expect(await tasksOnWorker(second)).toEqual(tasks);
  });

  it('demotes its leader, which hands over first', async () => {
    await first.ok(['node', 'demote', first.name]);
    const next = await leader(second);
    expect(next).not.toBe(first);
    await until('the first to be a worker', async () => (await nodes(second))[first.name] === 'Ready/');
    await until('its manager to go', () => !readdirSync(first.dataRoot).includes('manager'));
    await second.ok(['node', 'promote', first.name]);
    await until('it to be back', async () => (await nodes(second))[first.name] === 'Ready/Reachable');
  });

  it('goes on when its leader is killed, and takes it back', async () => {
    const dead = await leader(second);
    const [alive, other] = [first, second, third].filter((host) => host !== dead) as [Host, Host];
    await dead.kill();
    await until('another leader', async () => (await leader(alive)) !== dead);
    await other.ok(['service', 'scale', '--detach', 'shop_web=6']);
    await until('it to be unreachable', async () => (await nodes(alive))[dead.name]?.endsWith('/Unreachable'));
    // The two that are left are all that is needed: neither may go now.
    const refused = await alive.gantry(['node', 'demote', other.name]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`of the 2 managers then left 2 are needed`);
    expect(refused.stderr).toContain(dead.name);
    await dead.start();
    await until('it to be back', async () => (await nodes(alive))[dead.name] === 'Ready/Reachable');
    await until('six tasks', async () => sum(await spread(dead)) === 6);
  });

  it('keeps a worker whose manager dies', async () => {
    const dead = await leader(second);
    const tasks = await tasksOnWorker(second);
    await dead.kill();
    const [alive] = [first, second, third].filter((host) => host !== dead) as [Host];
    await until('another leader', async () => (await leader(alive)) !== dead);
    await until('the worker to be connected', async () => {
      return (await worker.look(['info', '--format', '{{.Swarm.LocalNodeState}}'])) === 'active';
    });
    expect(await tasksOnWorker(alive)).toEqual(tasks);
    await dead.start();
    await until('it to be back', async () => (await nodes(alive))[dead.name] === 'Ready/Reachable');
  });

  it('lets nodes leave: a worker as it is, a manager by force, and leaves nothing behind', async () => {
    await leader(second);
    await worker.ok(['swarm', 'leave']);
    await until('the worker to be down', async () => (await nodes(second))[worker.name] === 'Down/');
    await second.ok(['node', 'rm', worker.name]);
    expect((await third.gantry(['swarm', 'leave'])).stderr).toContain('demote it first');
    await third.ok(['swarm', 'leave', '--force']);
    await untilNodes(second, ...statusesOfTwo(await leader(second)), 'Down/');
    await second.ok(['node', 'rm', third.name]);
    await second.ok(['stack', 'rm', 'shop']);
    for (const host of [worker, third]) {
      expect(await host.look(['ps', '-aq'])).toBe('');
      expect(readdirSync(host.dataRoot)).toEqual(expect.not.arrayContaining(['manager', 'identity', 'cluster.json']));
    }
    for (const host of [third, worker]) {
      await host.ok(['system', 'stop', '--force']);
      await host.stop('SIGTERM');
    }
    const left = await Promise.all([third, worker].map(takeCensus));
    // Those of the other hosts are still there.
    expect(left.map((census) => ({ ...census, cgroups: [] }))).toEqual(
      empty.map((census) => ({ ...census, cgroups: [] })),
    );
  });
});

function statusesOfTwo(leading: Host): [string, string] {
  return leading === first ? ['Ready/Leader', 'Ready/Reachable'] : ['Ready/Reachable', 'Ready/Leader'];
}
