/** What a host's kernel is like some time after somebody has changed what is ours; on a host with rules and a bridge of others. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AssignedNetwork, NetworkPeer } from '../../../proto/generated/gantry/v1/dispatcher.ts';
import { PortConfig, PublishMode } from '../../../proto/generated/gantry/v1/types.ts';
import { INGRESS_NETWORK } from '../../../proto/ingress-network.ts';
import { until } from '../../../test/lab/until.ts';
import { bridgeName, ingressName, vethName, vxlanName } from '../link-names.ts';
import type { Sandbox } from '../networks.ts';
import { HOST_ADDRESS, Lab, NEIGHBOUR_ADDRESS, sandboxRequest } from '../testing/lab.ts';

const isRoot = process.getuid?.() === 0;
const INSTANCE = 'lab';
const OVERLAY = vxlanName(INSTANCE, 'wide');
const BRIDGE = bridgeName(INSTANCE, 'wide');
const INGRESS = ingressName(INSTANCE);
const VETH = vethName(INSTANCE, 'web', 0);

/** What a firewall and another orchestrator have on the host. */
const FOREIGN = `
table inet firewall { chain input { type filter hook input priority 0; policy accept; tcp dport 23 drop; }; }
table ip nat { chain POSTROUTING { type nat hook postrouting priority 100; ip saddr 10.250.0.0/24 masquerade; }; }
`;

const NETWORKS = [assigned(INGRESS_NETWORK, '', 0), assigned('wide', '10.95.0.0/16', 4097)];
const PEERS = ['wide', INGRESS_NETWORK].map((networkId) =>
  NetworkPeer.fromPartial({
    networkId,
    nodeId: 'other',
    nodeAddress: NEIGHBOUR_ADDRESS,
    blocks: networkId === INGRESS_NETWORK ? [] : ['10.95.1.0/24'],
  }),
);

function assigned(id: string, subnet: string, vni: number): AssignedNetwork {
  return AssignedNetwork.fromPartial({
    network: {
      id,
      subnet,
      gateway: subnet === '' ? '' : '10.95.0.1',
      vni,
      spec: { annotations: { name: `shop_${id}` }, driver: 'overlay' },
    },
    blocks: subnet === '' ? [] : ['10.95.0.0/24'],
    nodeAddress: HOST_ADDRESS,
  });
}

describe.skipIf(!isRoot)('a host whose networks somebody else changes', { timeout: 30_000 }, () => {
  const lab = new Lab();
  let web: Sandbox;
  let empty = '';
  let whole = '';

  const onHost = (command: string) => lab.run(lab.hostPath(), 'sh', '-c', command);

  /** All but what follows from the order in which links were made. */
  async function state(): Promise<string> {
    const text = [
      await lab.kernelState(),
      await onHost('ip -4 rule'),
      await onHost(
        `for l in ${OVERLAY} ${INGRESS} ${BRIDGE}; do ip -4 neigh show dev $l nud permanent; bridge fdb show dev $l; done`,
      ),
    ].join('\n');
    return text
      .replaceAll(/^\d+: /gm, '')
      .replaceAll(/@if\d+|link-netns\S* \S+/g, '')
      .replaceAll(new RegExp(`(${VETH}.*) link/ether \\S+`, 'g'), '$1')
      .replaceAll(new RegExp(`(${BRIDGE}.*) mtu \\d+`, 'g'), '$1')
      .split('\n')
      .map((line) => line.replace(/ qlen \d+/, '').trim())
      .toSorted()
      .join('\n');
  }

  async function heals(): Promise<void> {
    await until(
      'everything to be back',
      async () => {
        expect(await state()).toBe(whole);
        return true;
      },
      8_000,
    );
    expect(await lab.ask(lab.neighbourPath(), HOST_ADDRESS, 8070)).toBe(`web ${NEIGHBOUR_ADDRESS}`);
  }

  beforeAll(async () => {
    await lab.start();
    await onHost(`nft -f - <<'END'\n${FOREIGN}\nEND`);
    await onHost('ip link add docker0 type bridge; ip addr add 10.250.0.1/24 dev docker0; ip link set docker0 up');
    await onHost('ip rule add fwmark 0x99 lookup 99; ip route add 192.0.2.0/24 via 198.51.100.2 table 99');
    empty = await lab.kernelState();
    await lab.startEngine([]);
    await lab.engine.call('applyNetworks', NETWORKS, PEERS);
    const ports = [8070, 8071].map((published, index) =>
      PortConfig.fromPartial({ publishedPort: published, targetPort: 80 + index, mode: PublishMode.HOST }),
    );
    web = await lab.engine.call('setup', sandboxRequest('web', { ports, networks: [{ target: 'wide', aliases: [] }] }));
    await lab.serve(web, 80, 'web');
    whole = await state();
  });

  afterAll(() => lab.stop());

  it('gets its rules back after all were flushed, and keeps its connections', async () => {
    const connection = await lab.echo({ ...web, ports: web.ports }, 81, lab.neighbourPath());
    expect(await connection.ask('one')).toBe('one');
    const listed = await onHost('nft -n list ruleset');
    await onHost('nft flush ruleset');
    expect(await connection.ask('two')).toBe('two');
    // Rules of others are theirs to put back.
    await onHost(`nft -f - <<'END'\n${FOREIGN}\nEND`);
    await heals();
    expect((await onHost('nft -n list ruleset')).split('\n').sort()).toEqual(listed.split('\n').sort());
    expect(await connection.ask('three')).toBe('three');
  });

  it.each([
    ['a chain flushed', 'nft flush chain ip gantry-lab publish'],
    ['the table deleted', 'nft delete table ip gantry-lab'],
    ['the table asleep', "nft 'add table ip gantry-lab { flags dormant; }'"],
    ['a rule of others in the table', 'nft insert rule ip gantry-lab forward drop'],
    [
      'an element of a set deleted',
      `nft delete element ip gantry-lab itself '{ ${NEIGHBOUR_ADDRESS} . ${NEIGHBOUR_ADDRESS} }'`,
    ],
    ["the table of services' addresses deleted", 'nft delete table ip gantry-lab-vip'],
    ["a chain of services' addresses flushed", 'nft flush chain ip gantry-lab-vip prerouting'],
    ['the VXLAN deleted', `ip link del ${OVERLAY}`],
    ['the bridge deleted', `ip link del ${BRIDGE}`],
    ['both deleted', `ip link del ${BRIDGE}; ip link del ${OVERLAY}`],
    ['the bridge switched off', `ip link set ${BRIDGE} down`],
    ['the VXLAN switched off', `ip link set ${OVERLAY} down`],
    ['the link between nodes deleted', `ip link del ${INGRESS}`],
    ["a container's link deleted", `ip link del ${VETH}`],
    ["a container's link taken out of its bridge", `ip link set ${VETH} nomaster`],
    ["a container's link switched off", `ip link set ${VETH} down`],
    ["the bridge's address deleted", `ip addr flush dev ${BRIDGE}`],
    ["the bridge's route deleted", `ip route flush dev ${BRIDGE}`],
    ["the bridge's MAC address changed", `ip link set ${BRIDGE} address 02:00:00:00:00:99`],
    ['where containers are deleted', `ip neigh flush dev ${BRIDGE} nud permanent`],
    ['routes to other nodes deleted', `ip route flush dev ${OVERLAY}`],
    ['the tables of published ports flushed', 'ip route flush table 0x47000000; ip route flush table 0x47000001'],
    [
      'all rules by mark deleted',
      'while ip rule del priority 18176; do :; done 2>/dev/null; while ip rule del priority 18177; do :; done 2>/dev/null',
    ],
    [
      'where other nodes are deleted',
      `bridge fdb del 02:42:c6:33:64:02 dev ${OVERLAY}; ip neigh flush dev ${OVERLAY} nud permanent`,
    ],
  ])('heals: %s', async (_, damage) => {
    await onHost(damage);
    await heals();
  });

  it('does not touch its rules when others change theirs, or when nothing is missing', async () => {
    const handles = () => onHost('nft -a list table ip gantry-lab');
    const before = await handles();
    await onHost('nft add rule inet firewall input tcp dport 24 drop');
    await onHost(`ip link del ${VETH}`);
    await heals2();
    expect(await handles()).toBe(before);
    await onHost(`nft flush table inet firewall && nft -f - <<'END'\n${FOREIGN.split('\n')[1]}\nEND`);
    expect(await handles()).toBe(before);

    async function heals2(): Promise<void> {
      await until('the link to be back', async () =>
        (await lab.ask(lab.neighbourPath(), HOST_ADDRESS, 8070)).startsWith('web'),
      );
    }
  });

  it('leaves to a container what it does to its own interface', async () => {
    await lab.run(web.netnsPath, 'ip', 'route', 'del', 'default');
    await onHost('nft flush chain ip gantry-lab publish');
    await until('the rules to be back', async () => (await onHost('nft list table ip gantry-lab')).includes('8070'));
    expect(await lab.run(web.netnsPath, 'ip', 'route')).not.toContain('default');
    await lab.run(web.netnsPath, 'ip', 'route', 'add', 'default', 'via', '10.95.0.1', 'dev', 'eth0');
  });

  it('is left with nothing but what others have there', async () => {
    await lab.engine.call('shutdown');
    expect(await lab.kernelState()).toBe(empty);
    await lab.startEngine(['web']);
    await lab.engine.call('applyNetworks', NETWORKS, PEERS);
    whole = await state();
  });
});
