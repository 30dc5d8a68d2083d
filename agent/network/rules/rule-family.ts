/** What tells rules of IPv4 from those of IPv6, so that each rule is written once. */
import type { TableFamily } from '../netlink/nf-batch.ts';

export interface RuleFamily {
  /** Of the table, and of addresses in a packet's header. */
  readonly family: TableFamily;
  /** Of a set's elements. */
  readonly addressType: 'ipv4_addr' | 'ipv6_addr';
  readonly icmp: 'icmp' | 'icmpv6';
  /** The ICMP message that tells a host of a shorter way. */
  readonly redirect: 'redirect' | 'nd-redirect';
  /** How all of the host's addresses are said of a published port. */
  readonly all: string;
  readonly loopback: string;
  /** Packets from there may leave the host (route_localnet). If not, a socket takes on what is published there; see relay6.ts. */
  readonly routesLoopback: boolean;
  /** VXLANs between nodes go over it. */
  readonly carriesVxlan: boolean;
  /** Other nodes are asked at the address that they have anyway, so that only a mark leads over the link between nodes. */
  readonly marksWayToNodes: boolean;
  /** ADDRESS:PORT */
  readonly socketAddress: (address: string, port: number) => string;
}

export const IPV4_RULES: RuleFamily = {
  family: 'ip',
  addressType: 'ipv4_addr',
  icmp: 'icmp',
  redirect: 'redirect',
  all: '',
  loopback: '127.0.0.0/8',
  routesLoopback: true,
  carriesVxlan: true,
  marksWayToNodes: true,
  socketAddress: (address, port) => `${address}:${port}`,
};

/** Of a published port: all addresses of IPv6. */
export const ALL_ADDRESSES6 = '::';
export const LOOPBACK6 = '::1';

export const IPV6_RULES: RuleFamily = {
  family: 'ip6',
  addressType: 'ipv6_addr',
  icmp: 'icmpv6',
  redirect: 'nd-redirect',
  all: ALL_ADDRESSES6,
  loopback: LOOPBACK6,
  routesLoopback: false,
  carriesVxlan: false,
  marksWayToNodes: false,
  socketAddress: (address, port) => `[${address}]:${port}`,
};
