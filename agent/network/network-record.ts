/** A network as this node knows it, and making one from what the cluster assigns. */

import { checkEncryptedOption, ENCRYPTED_OPTION, isEncrypted } from '../../proto/encrypted-option.ts';
import { GantryError } from '../../proto/errors.ts';
import type { AssignedNetwork } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { Network, NetworkSpec } from '../../proto/generated/gantry/v1/types.ts';
import { formatSubnet6, parseSubnet6 } from '../../proto/ipv6/subnet6.ts';
import type { AddressPool } from './address-pool.ts';
import { type Ipv6Record, MIN_MTU_IPV6 } from './ipv6/ipv6-record.ts';
import type { MacvlanRecord } from './macvlan/macvlan-record.ts';
import {
  contains,
  covers,
  formatIpv4,
  formatSubnet,
  parseIpv4,
  parseSubnet,
  requireIpv4,
  type Subnet,
} from './subnet.ts';

/** As kept on disk: plain JSON. */
export interface NetworkRecord {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly internal: boolean;
  /** Made by the cluster rather than on this host. */
  readonly cluster: boolean;
  /** CIDR */
  readonly subnet: string;
  readonly gateway: string;
  /** CIDRs */
  readonly blocks: readonly string[];
  readonly mtu: number;
  readonly createdAtMs: number;
  /** How it reaches other nodes; undefined: it is on this one alone. */
  readonly overlay: OverlayRecord | undefined;
  /** Of a network whose containers are on a link of the host, and which has no bridge. */
  readonly macvlan?: MacvlanRecord;
  /** Addresses that no container gets, by whatever has them. */
  readonly auxAddresses?: Readonly<Record<string, string>>;
  /** Of a network of the cluster: whether containers of no task may be on it. */
  readonly attachable?: boolean;
  /** Whether its user chose the subnet, and so may choose addresses of it. */
  readonly hasOwnSubnet?: boolean;
  /** Undefined: it has IPv4 addresses only. */
  readonly ipv6?: Ipv6Record;
  /** It has no containers, and only says what others are made of. */
  readonly configOnly?: boolean;
  /** Name of such a network: that which this one is made of. */
  readonly configFrom?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly driverOpts?: Readonly<Record<string, string>>;
}

export interface OverlayRecord {
  /** 24 bits */
  readonly vni: number;
  /** Of this node, where others send its packets. */
  readonly nodeAddress: string;
  /** Its packets leave through WireGuard, or not at all. */
  readonly encrypted?: boolean;
}

/** Id and name of the network that containers are on when they name none. */
export const DEFAULT_NETWORK = 'bridge';
export const DEFAULT_MTU = 1500;
const MTU_OPTION = 'com.docker.network.driver.mtu';
const ON_ALL: readonly string[] = [MTU_OPTION];
const ACROSS_NODES: readonly string[] = [MTU_OPTION, ENCRYPTED_OPTION];
const MIN_MTU = 68;
const MAX_MTU = 65_535;
/** Assigned by IANA (RFC 7348, 5). */
export const VXLAN_PORT = 4789;
/** Ethernet, IPv4, UDP and VXLAN headers (RFC 7348, 5). */
export const VXLAN_OVERHEAD = 50;
/** IPv4 and UDP headers, WireGuard's own, and its authentication (its whitepaper, 5.4.6). */
export const WIREGUARD_OVERHEAD = 60;
/** Of the cluster's networks either spans all nodes that are on it. */
const DRIVERS: readonly string[] = ['bridge', 'overlay'];

/** The host's own network; its gateway is its first address. */
export function localNetwork(subnet: Subnet, nowMs: number): NetworkRecord {
  return {
    id: DEFAULT_NETWORK,
    name: DEFAULT_NETWORK,
    driver: 'bridge',
    internal: false,
    cluster: false,
    subnet: formatSubnet(subnet),
    gateway: formatIpv4(subnet.base + 1),
    blocks: [formatSubnet(subnet)],
    mtu: DEFAULT_MTU,
    createdAtMs: nowMs,
    overlay: undefined,
  };
}

/**
 * `underlayMtu`: of the link that leads to the other nodes. Throws UNSUPPORTED for another driver or option,
 * INVALID_ARGUMENT for addresses that don't fit together, and for an MTU that the underlay can't carry.
 */
export function clusterNetwork(assigned: AssignedNetwork, underlayMtu: number): NetworkRecord {
  const { network } = assigned;
  if (network?.spec === undefined) throw new GantryError('INVALID_ARGUMENT', 'an assigned network has no spec');
  const { spec } = network;
  const name = spec.annotations?.name ?? network.id;
  const driver = spec.driver === '' ? 'bridge' : spec.driver;
  if (!DRIVERS.includes(driver)) {
    throw new GantryError('UNSUPPORTED', `network ${name}: driver "${driver}" is not supported`, {
      hint: 'use bridge, overlay or macvlan',
    });
  }
  checkEncryptedOption(name, spec.driverOpts);
  const overlay = overlayOf(network.vni, assigned.nodeAddress, isEncrypted(spec));
  const limits = limitsOf(overlay, underlayMtu);
  const record: NetworkRecord = {
    id: network.id,
    name,
    driver,
    internal: spec.internal,
    cluster: true,
    subnet: formatSubnet(parseSubnet(network.subnet)),
    gateway: network.gateway,
    blocks: assigned.blocks,
    mtu: chooseMtu(name, spec.driverOpts, limits),
    createdAtMs: network.meta?.createdAtMs ?? 0,
    overlay,
    attachable: spec.attachable,
    hasOwnSubnet: spec.subnet !== '',
    labels: spec.annotations?.labels ?? {},
    driverOpts: spec.driverOpts,
    ...(network.ipv6Subnet === '' ? {} : { ipv6: ipv6Of(network, spec) }),
  };
  checkAddresses(record);
  checkMtu6(record);
  return record;
}

/** As the managers have chosen it. */
function ipv6Of({ ipv6Subnet, ipv6Gateway }: Network, spec: NetworkSpec): Ipv6Record {
  const subnet = formatSubnet6(parseSubnet6(ipv6Subnet));
  return { subnet, gateway: ipv6Gateway, range: subnet, hasOwnSubnet: spec.ipv6Subnet !== '' };
}

/** Nodes that are reached by IPv6 alone have none. */
function overlayOf(vni: number, nodeAddress: string, encrypted: boolean): OverlayRecord | undefined {
  return vni > 0 && parseIpv4(nodeAddress) !== undefined ? { vni, nodeAddress, encrypted } : undefined;
}

/** What a network's packets may be, and which options it may have. */
interface Limits {
  readonly usual: number;
  readonly most: number;
  /** Bytes that are added between nodes. */
  readonly overhead: number;
  readonly options: readonly string[];
}

export const ON_ONE_NODE: Limits = { usual: DEFAULT_MTU, most: MAX_MTU, overhead: 0, options: ON_ALL };

function limitsOf(overlay: OverlayRecord | undefined, underlayMtu: number): Limits {
  if (overlay === undefined) return { ...ON_ONE_NODE, options: ACROSS_NODES };
  const overhead = overheadOf(overlay);
  return { usual: underlayMtu - overhead, most: underlayMtu - overhead, overhead, options: ACROSS_NODES };
}

/** Bytes that its packets have more between nodes. */
export function overheadOf({ encrypted }: OverlayRecord): number {
  return encrypted === true ? VXLAN_OVERHEAD + WIREGUARD_OVERHEAD : VXLAN_OVERHEAD;
}

/** Throws UNSUPPORTED for another option, INVALID_ARGUMENT for an MTU that can't be. */
export function chooseMtu(
  network: string,
  options: Readonly<Record<string, string | undefined>>,
  { usual, most, overhead, options: possible }: Limits,
): number {
  const unknown = Object.keys(options).find((key) => !possible.includes(key));
  if (unknown !== undefined) {
    throw new GantryError('UNSUPPORTED', `network ${network}: driver option "${unknown}" is not supported`, {
      hint: `remove it; of this network's, these are: ${possible.join(', ')}`,
    });
  }
  const text = options[MTU_OPTION];
  if (text === undefined) return usual;
  const mtu = Number(text);
  if (!Number.isInteger(mtu) || mtu < MIN_MTU || mtu > MAX_MTU) {
    throw new GantryError('INVALID_ARGUMENT', `network ${network}: "${text}" is no MTU`, {
      hint: `write a number from ${MIN_MTU} to ${MAX_MTU}`,
    });
  }
  if (mtu > most) {
    throw new GantryError('INVALID_ARGUMENT', `network ${network}: MTU ${mtu} is more than its nodes' links carry`, {
      hint: `write at most ${most}: packets between nodes are ${overhead} bytes larger`,
    });
  }
  return mtu;
}

export function checkAddresses(record: NetworkRecord): void {
  const subnet = parseSubnet(record.subnet);
  if (!contains(subnet, requireIpv4(record.gateway))) {
    throw new GantryError(
      'INVALID_ARGUMENT',
      `network ${record.name}: gateway ${record.gateway} is not in ${record.subnet}`,
    );
  }
  const stray = record.blocks.find((block) => !covers(subnet, parseSubnet(block)));
  if (stray === undefined) return;
  throw new GantryError('INVALID_ARGUMENT', `network ${record.name}: block ${stray} is not in ${record.subnet}`);
}

/** Throws INVALID_ARGUMENT for a network with IPv6 whose MTU is too small for it. */
export function checkMtu6({ name, mtu, ipv6 }: NetworkRecord): void {
  if (ipv6 === undefined || mtu >= MIN_MTU_IPV6) return;
  throw new GantryError('INVALID_ARGUMENT', `network ${name}: MTU ${mtu} is too small for IPv6`, {
    hint: `write at least ${MIN_MTU_IPV6}, or leave IPv6 out`,
  });
}

/** Of an overlay, a block of one address is that of a task which has it wherever it runs. */
function isOfOneTask({ overlay }: NetworkRecord, prefixLength: number): boolean {
  return overlay !== undefined && prefixLength === 32;
}

export function addressPool(record: NetworkRecord): AddressPool {
  return {
    subnet: parseSubnet(record.subnet),
    gateway: requireIpv4(record.gateway),
    blocks: record.blocks.map(parseSubnet).filter(({ prefixLength }) => !isOfOneTask(record, prefixLength)),
    reserved: new Set(Object.values(record.auxAddresses ?? {}).map(requireIpv4)),
  };
}
