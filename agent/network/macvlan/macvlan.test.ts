import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LocalNetworkSpec } from '../../../proto/generated/gantry/v1/engine.ts';
import { PortConfig, PublishMode } from '../../../proto/generated/gantry/v1/types.ts';
import type { Sandbox, SandboxRequest } from '../networks.ts';
import { HOST_ADDRESS, Lab, NEIGHBOUR_ADDRESS, sandboxRequest } from '../testing/lab.ts';

const isRoot = process.getuid?.() === 0;
const lab = new Lab();
const live = new Set<string>();

/** The host's LAN, of which its neighbour is the gateway. */
const LAN = { name: 'lan', subnet: '198.51.100.0/24', gateway: NEIGHBOUR_ADDRESS, ipRange: '198.51.100.64/26' };

function create(spec: Partial<LocalNetworkSpec>): Promise<string> {
  return lab.engine.call('create', LocalNetworkSpec.fromPartial({ driver: 'macvlan', ...spec }));
}

function createOn(parent: string, spec: Partial<LocalNetworkSpec> = {}): Promise<string> {
  return create({ ...LAN, auxAddresses: { host: HOST_ADDRESS }, driverOpts: { parent }, ...spec });
}

async function setUp(containerId: string, request: Partial<SandboxRequest> = {}): Promise<Sandbox> {
  live.add(containerId);
  return lab.engine.call('setup', sandboxRequest(containerId, { networks: [on('lan')], ...request }));
}

function on(target: string, more: { ip?: string; mac?: string } = {}) {
  return { target, aliases: [], ...more };
}

function inside({ netnsPath }: Sandbox, ...argv: readonly string[]): Promise<string> {
  return lab.run(netnsPath, ...argv);
}

/** Names, but for bridges, which stay, and a link of the kernel's own. */
async function linksOfHost(): Promise<string[]> {
  const text = await lab.run(lab.hostPath(), 'ip', '-o', 'link');
  const names = [...text.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name = '']) => name);
  return names
    .filter((name) => !/^gt\w{4}(b\w{8}|ingress)$|^tunl0$|^sit0$|^ip6tnl0$/.test(name))
    .toSorted((a, b) => a.localeCompare(b, 'en'));
}

async function reaches(sandbox: Sandbox, address: string): Promise<boolean> {
  try {
    await inside(sandbox, 'busybox', 'ping', '-c', '1', '-W', '1', address);
    return true;
  } catch {
    return false;
  }
}

function hasVlans(): boolean {
  try {
    execFileSync(
      'unshare',
      ['-n', 'sh', '-c', 'ip link set lo up && ip link add v0 type veth && ip link add v9 link veth0 type vlan id 9'],
      {
        stdio: 'ignore',
      },
    );
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!isRoot)('macvlan networks', { timeout: 30_000 }, () => {
  beforeAll(async () => {
    await lab.start();
    await lab.startEngine([]);
    await lab.startUpstream();
  });

  afterEach(async () => {
    for (const containerId of live) await lab.engine.call('teardown', containerId);
    live.clear();
    for (const { id, driver } of await lab.engine.call('list')) {
      if (driver === 'macvlan') await lab.engine.call('remove', id);
    }
    await expect.poll(linksOfHost).toEqual(['eth0', 'lo']);
  });

  afterAll(() => lab.stop());

  it('put containers on the LAN of the host, with addresses and MAC addresses of their own', async () => {
    await createOn('eth0');
    const first = await setUp('first', { networks: [on('lan', { ip: '198.51.100.70', mac: '02:AA:00:00:00:07' })] });
    const second = await setUp('second');
    expect(first.networks[0]).toMatchObject({
      address: '198.51.100.70',
      prefixLength: 24,
      gateway: NEIGHBOUR_ADDRESS,
      macAddress: '02:aa:00:00:00:07',
    });
    expect(await inside(first, 'ip', '-d', 'link', 'show', 'eth0')).toMatch(
      /02:aa:00:00:00:07[\s\S]*macvlan +mode bridge/,
    );
    expect(await inside(first, 'ip', 'route')).toContain(`default via ${NEIGHBOUR_ADDRESS} dev eth0`);
    expect(second.networks[0]?.address).toMatch(/^198\.51\.100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])$/);
    expect(await reaches(first, NEIGHBOUR_ADDRESS)).toBe(true);
    expect(await lab.ping(second, 'first')).toContain('1 packets received');
    await lab.serve(first, 80, 'seen');
    expect(await lab.ask(lab.neighbourPath(), '198.51.100.70', 80)).toBe(`seen ${NEIGHBOUR_ADDRESS}`);
    expect(await inside(first, 'busybox', 'nslookup', 'small.example', '127.0.0.11')).toContain('192.0.2.1');
  });

  it('keep containers apart in mode private', async () => {
    await createOn('eth0', { driverOpts: { parent: 'eth0', macvlan_mode: 'private' } });
    const [one, other] = [await setUp('one'), await setUp('other')];
    expect(await reaches(one, other.networks[0]?.address ?? '')).toBe(false);
    expect(await reaches(one, NEIGHBOUR_ADDRESS)).toBe(true);
  });

  it('give all of the link to one container in mode passthru, and to the next when it has gone', async () => {
    await create({ name: 'whole', subnet: '10.66.0.0/24', driverOpts: { macvlan_mode: 'passthru' } });
    await setUp('one', { networks: [on('whole')] });
    await expect(setUp('other', { networks: [on('whole')] })).rejects.toMatchObject({ code: 'IN_USE' });
    await lab.engine.call('teardown', 'one');
    await setUp('other', { networks: [on('whole')] });
  });

  it('have no way out without a parent, but names', async () => {
    await create({ name: 'closed', subnet: '10.66.0.0/24' });
    const [one, other] = [
      await setUp('one', { networks: [on('closed')] }),
      await setUp('other', { networks: [on('closed')] }),
    ];
    expect(await inside(one, 'ip', 'route')).not.toContain('default');
    expect(await lab.ping(one, 'other')).toContain('1 packets received');
    expect(await reaches(other, NEIGHBOUR_ADDRESS)).toBe(false);
  });

  it('let ports be published by a bridge, also for neighbours on the LAN itself', async () => {
    await createOn('eth0');
    const port = PortConfig.fromPartial({ publishedPort: 8091, targetPort: 80, mode: PublishMode.HOST });
    const both = await setUp('both', { networks: [on('bridge'), on('lan')], ports: [port] });
    await lab.serve(both, 80, 'seen');
    expect(await lab.ask(lab.neighbourPath(), HOST_ADDRESS, 8091)).toBe(`seen ${NEIGHBOUR_ADDRESS}`);
    expect(await lab.ask(lab.neighbourPath(), both.networks[1]?.address ?? '', 80)).toBe(`seen ${NEIGHBOUR_ADDRESS}`);
  });

  it('refuse addresses that somebody has', async () => {
    await createOn('eth0');
    await setUp('holder', { networks: [on('lan', { ip: '198.51.100.70', mac: '02:aa:00:00:00:07' })] });
    const refused = (more: { ip?: string; mac?: string }) =>
      expect(setUp('other', { networks: [on('lan', more)] })).rejects;
    await refused({ ip: '198.51.100.70' }).toMatchObject({ code: 'IN_USE' });
    await refused({ ip: HOST_ADDRESS }).toMatchObject({ code: 'IN_USE' });
    await refused({ mac: '02:aa:00:00:00:07' }).toMatchObject({ code: 'IN_USE' });
    await refused({ mac: '01:00:5e:00:00:01' }).toMatchObject({ code: 'INVALID_ARGUMENT' });
    await refused({ mac: 'eth0' }).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('are joined and left by containers that run, beside others', async () => {
    await createOn('eth0');
    const request = sandboxRequest('mover', { networks: [on('bridge')] });
    const sandbox = await setUp('mover', request);
    await lab.engine.call('reattach', { ...request, networks: [on('bridge'), on('lan', { ip: '198.51.100.71' })] });
    expect(await inside(sandbox, 'ip', '-o', '-4', 'address', 'show', 'eth1')).toContain('198.51.100.71/24');
    expect(await reaches(sandbox, NEIGHBOUR_ADDRESS)).toBe(true);
    await lab.engine.call('reattach', { ...request, networks: [on('lan', { ip: '198.51.100.71' })] });
    expect(await inside(sandbox, 'ip', 'route')).toContain(`default via ${NEIGHBOUR_ADDRESS} dev eth1`);
    await lab.engine.call('reattach', { ...request, networks: [on('bridge')] });
    expect(await inside(sandbox, 'ip', '-o', 'link')).not.toContain('macvlan');
    expect(await inside(sandbox, 'ip', '-o', 'link')).not.toContain('eth1');
    expect(await reaches(sandbox, HOST_ADDRESS)).toBe(true);
  });

  it('go on while the agent is killed, and are made anew when their link goes and comes', async () => {
    await create({ name: 'closed', subnet: '10.66.0.0/24' });
    const requests = { networks: [on('closed')] };
    const one = await setUp('one', requests);
    await setUp('other', requests);
    const own = async () => {
      const links = await lab.run(lab.hostPath(), 'ip', '-o', 'link', 'show', 'type', 'veth');
      return /: (gt\w{4}d\w{8})@/.exec(links)?.[1] ?? '';
    };
    const link = await own();
    const inode = await inside(one, 'cat', '/sys/class/net/eth0/ifindex');
    await lab.startEngine([...live]);
    expect(await own()).toBe(link);
    expect(await inside(one, 'cat', '/sys/class/net/eth0/ifindex')).toBe(inode);
    expect(await lab.ping(one, 'other')).toContain('1 packets received');
    await lab.run(lab.hostPath(), 'ip', 'link', 'delete', link);
    await expect.poll(() => lab.ping(one, 'other').catch(String), { timeout: 10_000 }).toContain('1 packets received');
    await lab.engine.kill();
    await lab.run(lab.hostPath(), 'ip', 'link', 'delete', link);
    await lab.startEngine([...live]);
    expect(await lab.ping(one, 'other')).toContain('1 packets received');
  });

  it('leave nothing of what nobody has any more after a kill', async () => {
    await createOn('eth0');
    const { netnsPath } = await setUp('gone');
    await lab.engine.kill();
    live.delete('gone');
    await lab.startEngine([]);
    await expect(lab.run(netnsPath, 'true')).rejects.toThrow();
  });

  it.skipIf(!hasVlans())(
    'make the VLAN that they are on, and remove it when they go; not one that was there',
    async () => {
      const links = () => lab.run(lab.hostPath(), 'ip', '-o', 'link');
      const id = await createOn('eth0.10');
      expect(await links()).toContain('eth0.10@eth0');
      await lab.run(lab.hostPath(), 'ip', 'link', 'delete', 'eth0.10');
      await expect.poll(links, { timeout: 10_000 }).toContain('eth0.10@eth0');
      await lab.startEngine([]);
      expect(await links()).toContain('eth0.10@eth0');
      await lab.engine.call('remove', id);
      expect(await links()).not.toContain('eth0.10');
      await lab.run(lab.hostPath(), 'ip', 'link', 'add', 'eth0.11', 'link', 'eth0', 'type', 'vlan', 'id', '11');
      const other = await createOn('eth0.11');
      await lab.engine.call('remove', other);
      expect(await links()).toContain('eth0.11@eth0');
      await lab.run(lab.hostPath(), 'ip', 'link', 'delete', 'eth0.11');
    },
  );

  it.skipIf(hasVlans())('say what is missing where the kernel has no VLANs', async () => {
    await expect(createOn('eth0.10')).rejects.toMatchObject({ code: 'HOST' });
    expect((await lab.engine.call('list')).map(({ name }) => name)).not.toContain('lan');
  });
});
