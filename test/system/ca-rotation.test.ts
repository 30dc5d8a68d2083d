/** The authority is rotated while a stack is updated and a leader dies, with a worker that is off: nothing fails. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
    environment: { VERSION: 'NUMBER' }
    deploy:
      replicas: 6
      update_config: { parallelism: 1, monitor: 200ms }
`;

let lan: Lan;
let hosts: Host[];
let worker: Host;

beforeAll(async () => {
  lan = await Lan.create('ca', 4);
  hosts = lan.hosts;
  worker = hosts[3] as Host;
  await Promise.all(hosts.map((host) => host.start()));
  await Promise.all(hosts.map((host) => importBusybox(host)));
  const [first, second, third] = hosts as [Host, Host, Host];
  await first.ok(['cluster', 'init', '--advertise-addr', first.address]);
  for (const host of [second, third]) await join(host, 'manager');
  await join(worker, 'worker');
  await deploy(first, 1);
});
afterAll(() => lan.destroy());

async function join(host: Host, role: 'worker' | 'manager', on = hosts[0] as Host): Promise<void> {
  const token = await on.look(['cluster', 'join-token', '-q', role]);
  await host.ok(['cluster', 'join', '--token', token, `${on.address}:2377`]);
}

function deploy(on: Host, version: number): Promise<string> {
  return on.ok(['stack', 'deploy', '-q', '-c', '-', 'shop'], { stdin: STACK.replace('NUMBER', String(version)) });
}

async function leader(on: Host): Promise<Host> {
  return until('a leader', async () => {
    const lines = await on.look(['node', 'ls', '--format', '{{.Hostname}} {{.ManagerStatus}}']);
    const name = /^(\S+) Leader$/m.exec(lines)?.[1];
    return hosts.find((host) => host.name === name);
  });
}

const root = (on: Host) => on.ok(['cluster', 'ca']);

describe('a rotation of the authority', () => {
  it('is done while a stack is updated, and a node that is off is waited for; a leader that dies stops neither', async () => {
    const [first] = hosts as [Host];
    const before = await root(first);
    const token = await first.look(['cluster', 'join-token', '-q', 'worker']);
    await worker.stop('SIGKILL');
    await first.ok(['cluster', 'ca', '--rotate', '--detach']);
    const dead = await leader(first);
    const [alive, other] = hosts.filter((host) => host !== dead && host !== worker) as [Host, Host];
    await dead.kill();
    await until('another leader', async () => (await leader(alive)) !== dead);
    const updating = deploy(alive, 2);
    // The two that are left, and what they ask of each other, go on with old certificates and new ones.
    await other.ok(['node', 'update', '--label-add', 'zone=east', worker.name]);
    expect(await root(other)).toBe(before);
    // Tokens of the old root are good until the end.
    expect(await alive.look(['cluster', 'join-token', '-q', 'worker'])).toBe(token);
    await Promise.all([dead, worker].map((host) => host.start()));
    await until('the rotation to end', async () => (await root(alive)) !== before);
    await updating;
    expect(await alive.look(['cluster', 'join-token', '-q', 'worker'])).not.toBe(token);
    await until('all to be ready', async () => {
      const states = await alive.look(['node', 'ls', '--format', '{{.Status}}/{{.TLSStatus}}']);
      return states === Array(4).fill('Ready/Ready').join('\n');
    });
    const tasks = await alive.look([
      'service',
      'ps',
      'shop_web',
      '--format',
      '{{.CurrentState}}',
      '--filter',
      'desired-state=running',
    ]);
    expect(tasks.match(/^Running/gm)).toHaveLength(6);
  });

  it('shows how far it is, and prints the new root; nodes join with the new tokens', async () => {
    const [first] = hosts as [Host];
    const shown = await first.ok(['cluster', 'ca', '--rotate']);
    expect(shown).toMatch(/desired root digest: sha256:[0-9a-f]{64}/);
    expect(shown).toContain('rotated TLS certificates: 4/4 nodes');
    expect(shown).toContain('rotated CA certificates: 4/4 nodes');
    expect(shown).toContain((await root(first)).trim());
    await worker.ok(['cluster', 'leave']);
    await join(worker, 'worker');
    await until(
      'it to be there',
      async () => (await worker.look(['info', '--format', '{{.Swarm.LocalNodeState}}'])) === 'active',
    );
  });
});
