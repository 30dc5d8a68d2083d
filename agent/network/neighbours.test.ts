/** Who is at which MAC address on a bridge: said for good on both of its sides, so that neither asks by ARP or neighbour discovery. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AssignedNetwork } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { LocalNetworkSpec } from '../../proto/generated/gantry/v1/engine.ts';
import { Network, NetworkSpec } from '../../proto/generated/gantry/v1/types.ts';
import { bridgeName } from './link-names.ts';
import type { Sandbox } from './networks.ts';
import { HOST_ADDRESS, Lab, sandboxRequest } from './testing/lab.ts';

const isRoot = process.getuid?.() === 0;
const FRONT = {
  id: 'front',
  ...{ subnet: '10.83.0.0/24', gateway: '10.83.0.1', ipv6Subnet: 'fd00:83::/64', ipv6Gateway: 'fd00:83::1', vni: 5083 },
};
const GATEWAY_MAC = '02:42:0a:53:00:01';
const LOCAL_GATEWAY_MAC = '02:42:0a:54:00:01';

describe.skipIf(!isRoot)('neighbours on a bridge', { timeout: 30_000 }, () => {
  const lab = new Lab();
  let before = '';

  const applyNetworks = () => lab.engine.call('applyNetworks', [front()], []);

  /** "ADDRESS lladdr MAC", sorted, of both kinds of addresses; but for multicast, which nobody is asked for. */
  async function neighbours(netnsPath: string, link: string, state = 'permanent'): Promise<string[]> {
    const shown = await Promise.all(
      ['-4', '-6'].map((family) => lab.run(netnsPath, 'ip', family, 'neigh', 'show', 'dev', link, 'nud', state)),
    );
    const lines = shown.join('').split('\n');
    return lines.flatMap((line) => /^(?!ff|224)\S+ lladdr \S+/.exec(line)?.[0] ?? []).toSorted();
  }

  const onHost = (networkId: string) => neighbours(lab.hostPath(), bridgeName('lab', networkId));

  const on = (target: string, mac?: string) => ({ target, aliases: [], ...(mac === undefined ? {} : { mac }) });

  function setUp(containerId: string, ...networks: readonly ReturnType<typeof on>[]): Promise<Sandbox> {
    return lab.engine.call('setup', sandboxRequest(containerId, { networks }));
  }

  async function makeLocal(): Promise<string> {
    const addresses = { subnet: '10.84.0.0/24', gateway: '10.84.0.1', ipv6Subnet: 'fd00:84::/64' };
    return lab.engine.call(
      'create',
      LocalNetworkSpec.fromPartial({ name: 'local', enableIpv6: true, ipv6Gateway: 'fd00:84::1', ...addresses }),
    );
  }

  beforeAll(async () => {
    await lab.start();
    before = await lab.kernelState();
    await lab.startEngine([]);
    await applyNetworks();
  });

  afterEach(async () => {
    for (const containerId of ['a', 'b']) await lab.engine.call('teardown', containerId);
    await lab.engine.call('remove', 'local').catch(() => undefined);
  });

  afterAll(() => lab.stop());

  it('are there with the container and gone with it, on networks of one host and of many', async () => {
    const local = await makeLocal();
    const a = await setUp('a', on('front'), on('local', '02:00:00:00:00:07'));
    const [front, inner] = a.networks;
    expect(await onHost('front')).toEqual([
      `${front?.address} lladdr ${front?.macAddress}`,
      `${front?.ipv6Address} lladdr ${front?.macAddress}`,
    ]);
    expect(await onHost(local)).toEqual([
      `${inner?.address} lladdr 02:00:00:00:00:07`,
      `${inner?.ipv6Address} lladdr 02:00:00:00:00:07`,
    ]);
    expect(await neighbours(a.netnsPath, 'eth0')).toEqual([
      `10.83.0.1 lladdr ${GATEWAY_MAC}`,
      `fd00:83::1 lladdr ${GATEWAY_MAC}`,
    ]);
    expect(await neighbours(a.netnsPath, 'eth1')).toEqual([
      `10.84.0.1 lladdr ${LOCAL_GATEWAY_MAC}`,
      `fd00:84::1 lladdr ${LOCAL_GATEWAY_MAC}`,
    ]);
    await lab.engine.call('teardown', 'a');
    await expect.poll(() => onHost('front')).toEqual([]);
    await expect.poll(() => onHost(local)).toEqual([]);
  });

  it('are all that containers of a network that spans hosts need, and the host', async () => {
    const [a, b] = [await setUp('a', on('front')), await setUp('b', on('front'))];
    for (const to of [b.networks[0]?.address ?? '', b.networks[0]?.ipv6Address ?? '', FRONT.gateway]) {
      await lab.run(a.netnsPath, 'busybox', 'ping', '-c', '1', '-W', '3', to);
    }
    for (const { netnsPath } of [a, b]) {
      expect(await neighbours(netnsPath, 'eth0', 'all')).toEqual(await neighbours(netnsPath, 'eth0'));
    }
    expect(await neighbours(lab.hostPath(), bridgeName('lab', 'front'), 'all')).toEqual(await onHost('front'));
  });

  it('come and go with a network that a running container is put on', async () => {
    const local = await makeLocal();
    const a = await setUp('a', on('front'));
    await lab.engine.call('reattach', sandboxRequest('a', { networks: [on('front'), on('local')] }));
    expect(await onHost(local)).toHaveLength(2);
    expect(await neighbours(a.netnsPath, 'eth1')).toHaveLength(2);
    await lab.engine.call('reattach', sandboxRequest('a', { networks: [on('local')] }));
    expect(await onHost(local)).toHaveLength(2);
    expect(await onHost('front')).toEqual([]);
  });

  it('are put back when somebody deletes one or all of them', async () => {
    const a = await setUp('a', on('front'));
    await setUp('b', on('front'));
    const [bridge, whole] = [bridgeName('lab', 'front'), await onHost('front')];
    expect(whole).toHaveLength(4);
    for (const damage of [
      ['del', a.networks[0]?.address ?? '', 'dev', bridge],
      ['flush', 'dev', bridge, 'nud', 'permanent'],
    ]) {
      await lab.run(lab.hostPath(), 'ip', 'neigh', ...damage);
      await expect.poll(() => onHost('front'), { timeout: 8_000 }).toEqual(whole);
    }
  });

  it('that were left when the agent was killed are gone once it is back, and those of whom it finds are not', async () => {
    const a = await setUp('a', on('front'));
    const bridge = bridgeName('lab', 'front');
    const ofA = await onHost('front');
    expect(ofA).toHaveLength(2);
    await setUp('b', on('front'));
    await lab.engine.kill();
    await lab.run(lab.hostPath(), 'ip', 'neigh', 'add', '10.83.0.99', 'lladdr', '02:42:0a:53:00:63', 'dev', bridge);
    await lab.run(lab.hostPath(), 'ip', 'neigh', 'del', a.networks[0]?.address ?? '', 'dev', bridge);
    await lab.startEngine(['a']);
    expect(await onHost('front')).toEqual(ofA);
    await applyNetworks();
  });

  it('leave nothing when the host’s networks are shut down', async () => {
    await setUp('a', on('front'));
    await lab.engine.call('shutdown');
    expect(await lab.kernelState()).toBe(before);
    expect(await lab.run(lab.hostPath(), 'ip', 'neigh', 'show', 'nud', 'permanent')).toBe('');
    await lab.startEngine([]);
  });
});

function front(): AssignedNetwork {
  const { id } = FRONT;
  return {
    network: {
      ...Network.fromPartial(FRONT),
      spec: NetworkSpec.fromPartial({ annotations: { name: id }, driver: 'overlay', enableIpv6: true }),
    },
    blocks: [FRONT.subnet],
    nodeAddress: HOST_ADDRESS,
  };
}
