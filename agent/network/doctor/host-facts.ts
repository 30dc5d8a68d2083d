/** Reads what a host's networks depend on. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Native } from '../../../native/addon/native.ts';
import type { CheckedPeer, NetworkCheckStart } from '../../../proto/generated/gantry/v1/engine.ts';
import type { RandomBytes } from '../../../proto/ids.ts';
import type { Encryption } from '../encryption/encryption.ts';
import { WIREGUARD_PORT } from '../encryption/peer-plan.ts';
import type { NftChain, NftObjects, NftRule } from '../firewall/passage.ts';
import type { HostLinks } from '../host-links.ts';
import { ingressName, linkPrefix } from '../link-names.ts';
import type { NetworkModel } from '../model.ts';
import type { Namespaces } from '../namespaces.ts';
import { overheadOf, VXLAN_PORT } from '../network-record.ts';
import { tableName } from '../ruleset.ts';
import { vethsOf } from '../sandbox-record.ts';
import { closedForwardChains, isClosedInIptables } from './forward-chains.ts';
import { type MissingFeature, missingFeatures } from './kernel-features.ts';
import { listTable, listTables } from './nft-listing.ts';

export interface HostFacts {
  /** What the names of our links begin with. */
  readonly prefix: string;
  readonly missing: readonly MissingFeature[];
  readonly forwards: boolean;
  /** True as well where no network needs it. */
  readonly forwards6: boolean;
  /** Reverse path filter in force for what comes from other nodes; undefined: there is no link to them. */
  readonly ingressFilter: number | undefined;
  readonly closedChains: readonly string[];
  readonly isClosedInIptables: boolean;
  /** Tracked connections, and how many there may be; undefined where that isn't said. */
  readonly connections: { readonly count: number; readonly max: number } | undefined;
  readonly neighbours: readonly NeighbourFacts[];
  /** Empty on a host in no cluster. */
  readonly ownAddress: string;
  /** Of the link that has the address; undefined when none has it. */
  readonly underlayMtu: number | undefined;
  readonly takesVxlan: boolean;
  /** Those that span nodes. */
  readonly networks: readonly { readonly name: string; readonly mtu: number; readonly overhead: number }[];
  /** Undefined: the cluster has no encrypted networks. */
  readonly wireguard: WireguardFacts | undefined;
}

/** What the kernel learns of neighbours by ARP, or by neighbour discovery. */
export interface NeighbourFacts {
  /** "net.ipv4.neigh.default" */
  readonly sysctls: string;
  readonly hard: number;
  /** Interfaces of this host's containers that it may learn of. */
  readonly interfaces: number;
}

export interface WireguardFacts {
  /** Why this host has none; empty: it has. */
  readonly missing: string;
  /** Undefined: no encrypted network is here. */
  readonly takesPort: boolean | undefined;
  /** Other nodes that were sent something and have never answered. */
  readonly silent: readonly CheckedPeer[];
}

export interface HostFactParts {
  readonly instance: string;
  readonly native: Native;
  readonly random: RandomBytes;
  readonly links: HostLinks;
  readonly model: NetworkModel;
  readonly namespaces: Namespaces;
  readonly encryption: Pick<Encryption, 'description' | 'held'>;
}

export async function readHostFacts(parts: HostFactParts, start: NetworkCheckStart): Promise<HostFacts> {
  const { ownAddress } = start;
  const { instance, native, namespaces, random, links, model } = parts;
  const prefix = linkPrefix(instance);
  const missing = await missingFeatures(native, namespaces, random);
  return {
    prefix,
    missing,
    forwards: (await readNumber('net/ipv4/ip_forward')) === 1,
    forwards6: !model.forwardsIpv6() || (await readNumber('net/ipv6/conf/all/forwarding')) === 1,
    ingressFilter: await ingressFilter(ingressName(instance)),
    closedChains: closedForwardChains(await foreignRules(), tableName(instance), prefix),
    isClosedInIptables: isClosedInIptables(await iptablesForward(), prefix),
    connections: await connections(),
    neighbours: await neighbourFacts(links, model),
    ownAddress,
    underlayMtu: ownAddress === '' ? undefined : await links.mtuOf(ownAddress),
    takesVxlan: hasUdpPort(await readFile('/proc/net/udp', 'utf8'), VXLAN_PORT),
    networks: [...model.networks.values()].flatMap(({ name, mtu, overlay }) =>
      overlay === undefined ? [] : [{ name, mtu, overhead: overheadOf(overlay) }],
    ),
    wireguard: start.encrypts ? await readWireguard(parts, start.peers) : undefined,
  };
}

async function readWireguard({ encryption }: HostFactParts, peers: readonly CheckedPeer[]): Promise<WireguardFacts> {
  const held = await encryption.held();
  const isSilent = ({ address }: CheckedPeer) =>
    held?.peers.some((one) => one.allowed.includes(`${address}/32`) && one.sentBytes > 0n && one.receivedBytes === 0n);
  return {
    missing: encryption.description.missing,
    takesPort: held && hasUdpPort(await readFile('/proc/net/udp', 'utf8'), WIREGUARD_PORT),
    silent: peers.filter(isSilent),
  };
}

/** Of tables that aren't a gantryd's. */
async function foreignRules(): Promise<NftObjects> {
  const tables = (await listTables()).filter(({ name }) => !name.startsWith('gantry-'));
  const objects = (await Promise.all(tables.map(listTable))).flat();
  // What nft lists has these fields (libnftables-json(5)).
  return {
    chains: objects.flatMap(({ chain }) => (chain === undefined ? [] : [chain as unknown as NftChain])),
    rules: objects.flatMap(({ rule }) => (rule === undefined ? [] : [rule as unknown as NftRule])),
  };
}

/** Undefined where the kernel has no such setting. */
async function readNumber(sysctl: string): Promise<number | undefined> {
  try {
    return Number((await readFile(`/proc/sys/${sysctl}`, 'utf8')).trim());
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The larger one of both counts (ip-sysctl.rst). */
async function ingressFilter(link: string): Promise<number | undefined> {
  const own = await readNumber(`net/ipv4/conf/${link}/rp_filter`);
  return own === undefined ? undefined : Math.max(own, (await readNumber('net/ipv4/conf/all/rp_filter')) ?? 0);
}

async function connections(): Promise<HostFacts['connections']> {
  const count = await readNumber('net/netfilter/nf_conntrack_count');
  const max = await readNumber('net/netfilter/nf_conntrack_max');
  return count === undefined || max === undefined ? undefined : { count, max };
}

/** On a network that spans nodes containers see their host alone, which says for good who it is. */
export async function neighbourFacts(
  links: Pick<HostLinks, 'neighbourTables'>,
  { sandboxes, networks }: Pick<NetworkModel, 'sandboxes' | 'networks'>,
): Promise<NeighbourFacts[]> {
  const attachments = [...sandboxes.values()]
    .flatMap(vethsOf)
    .map(([, attachment]) => attachment)
    .filter(({ networkId }) => networks.get(networkId)?.overlay === undefined);
  return (await links.neighbourTables()).map(({ name, hard }) => {
    return name === 'ndisc_cache'
      ? {
          sysctls: 'net.ipv6.neigh.default',
          hard,
          interfaces: attachments.filter(({ ipv6 }) => ipv6 !== undefined).length,
        }
      : { sysctls: 'net.ipv4.neigh.default', hard, interfaces: attachments.length };
  });
}

/** Empty where the older iptables isn't in use: to ask for its rules would load it. */
async function iptablesForward(): Promise<string> {
  const tables = await readFile('/proc/net/ip_tables_names', 'utf8').catch(() => '');
  if (!tables.split('\n').includes('filter')) return '';
  try {
    return (await promisify(execFile)('iptables-legacy', ['-S', 'FORWARD'])).stdout;
  } catch {
    // Whoever made the rules has the program elsewhere; what they do shows in the probes.
    return '';
  }
}

/** Of /proc/net/udp: "  sl  local_address ...", the port in hexadecimal. */
export function hasUdpPort(table: string, port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table.split('\n').some((line) => line.trim().split(/\s+/)[1]?.endsWith(suffix));
}
