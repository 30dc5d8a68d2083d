/** What networks need of the kernel, tried in a network namespace of its own and, for rules, without applying them. */
import type { Native } from '../../../native/addon/native.ts';
import { newObjectId, type RandomBytes } from '../../../proto/ids.ts';
import type { Namespaces } from '../namespaces.ts';
import { createBridge, createVeth, createVxlan, getLink, parseLink } from '../netlink/link.ts';
import { addRule } from '../netlink/rule.ts';
import { NETLINK_ROUTE, NetlinkSocket } from '../netlink/socket.ts';
import { DEFAULT_MTU, VXLAN_PORT } from '../network-record.ts';
import { whyNotApplied } from './nft-listing.ts';

export interface MissingFeature {
  readonly feature: string;
  readonly reason: string;
  /** Of the kernel's configuration */
  readonly option: string;
}

const MAC = '02:42:00:00:00:01';
const COMMON = { alias: '', mac: MAC, mtu: DEFAULT_MTU };

export async function missingFeatures(
  native: Native,
  namespaces: Namespaces,
  random: RandomBytes,
): Promise<MissingFeature[]> {
  const id = `check-${newObjectId(random)}`;
  await namespaces.create(id);
  try {
    const socket = await NetlinkSocket.open(native, namespaces.pathOf(id), NETLINK_ROUTE);
    try {
      const links = await namespaces.withFile(id, (netnsFd) => missingLinks(socket, netnsFd));
      return [...links, ...(await missingRules())];
    } finally {
      await socket.close();
    }
  } finally {
    await namespaces.unpin(id);
  }
}

async function missingLinks(socket: NetlinkSocket, netnsFd: number): Promise<MissingFeature[]> {
  const vxlan = { ...COMMON, name: 'vxlan', vni: 1, local: undefined, port: VXLAN_PORT };
  const rule = { family: 'ip', priority: 1, mark: 1, mask: 1, action: { kind: 'lookup', table: 1 } } as const;
  return [
    ...(await tried('bridges', 'CONFIG_BRIDGE', () => socket.run([createBridge({ ...COMMON, name: 'bridge' })]))),
    ...(await tried('veth pairs', 'CONFIG_VETH', async () => {
      const [bridge] = await socket.query(getLink('bridge'));
      const master = bridge === undefined ? 0 : parseLink(bridge).index;
      const peer = { name: 'far', mac: MAC, netnsFd };
      await socket.run([createVeth({ ...COMMON, name: 'near', master, peer })]);
    })),
    ...(await tried('VXLAN', 'CONFIG_VXLAN', () => socket.run([createVxlan(vxlan)]))),
    ...(await tried('policy routing', 'CONFIG_IP_MULTIPLE_TABLES', () => socket.run([addRule(rule)]))),
  ];
}

const RULES = [
  ['nftables', 'CONFIG_NF_TABLES', 'filter', 'forward', 'accept'],
  ['NAT in nftables', 'CONFIG_NFT_NAT and CONFIG_NFT_MASQ', 'nat', 'postrouting', 'masquerade'],
  ['connection tracking zones', 'CONFIG_NF_CONNTRACK_ZONES', 'filter', 'prerouting', 'ct original zone set 1'],
  ['connection marks', 'CONFIG_NF_CONNTRACK_MARK', 'filter', 'prerouting', 'ct mark set 1'],
  ['routing by mark', 'CONFIG_NFT_CHAIN_ROUTE', 'route', 'output', 'meta mark set 1'],
  ['address types in nftables', 'CONFIG_NFT_FIB_IPV4', 'filter', 'prerouting', 'fib daddr type local accept'],
  ['turns in nftables', 'CONFIG_NFT_NUMGEN', 'nat', 'prerouting', 'dnat to numgen inc mod 1 map { 0 : 192.0.2.1 }'],
] as const;

async function missingRules(): Promise<MissingFeature[]> {
  const missing: MissingFeature[] = [];
  for (const [feature, option, type, hook, rule] of RULES) {
    // zones are set before connections are tracked, which is at -200.
    const priority = type === 'nat' ? -100 : -300;
    const text = `table ip gantry-features {\nchain c {\ntype ${type} hook ${hook} priority ${priority};\n${rule}\n}\n}\n`;
    const reason = await whyNotApplied(text);
    if (reason !== undefined) missing.push({ feature, option, reason });
  }
  return missing;
}

async function tried(feature: string, option: string, attempt: () => Promise<void>): Promise<MissingFeature[]> {
  try {
    await attempt();
    return [];
  } catch (error) {
    return [{ feature, option, reason: error instanceof Error ? error.message : String(error) }];
  }
}
