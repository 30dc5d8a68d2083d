/**
 * On a network of the cluster each IPv6 address goes with one of IPv4: it is as far from the beginning of its subnet. So who has a
 * block of addresses, or a service's own one, has to be said once for both. Pure.
 */
import { counterpartAt } from '../../../proto/ipv6/counterpart.ts';
import { formatSubnet6, parseIpv6, parseSubnet6 } from '../../../proto/ipv6/subnet6.ts';
import type { NetworkRecord } from '../network-record.ts';
import { contains, formatIpv4, parseSubnet, requireIpv4 } from '../subnet.ts';

/** What of a network it takes. */
export type Numbered = Pick<NetworkRecord, 'subnet' | 'cluster' | 'ipv6'>;

/** Prefix length of an IPv6 block as large as all of IPv4. */
const WHOLE_IPV4 = 96;

/** Undefined on a network without IPv6, or of this host alone. */
export function counterpart6({ subnet, cluster, ipv6 }: Numbered, address: string): string | undefined {
  if (ipv6 === undefined || !cluster) return undefined;
  return counterpartAt(ipv6.subnet, requireIpv4(address) - parseSubnet(subnet).base);
}

/** The address, and the one of IPv6 that goes with it. */
export function bothOf(network: Numbered, address: string): string[] {
  const ipv6 = counterpart6(network, address);
  return ipv6 === undefined ? [address] : [address, ipv6];
}

/** Of blocks of addresses of the network, as CIDRs; empty where there is no IPv6. */
export function blocks6(network: Numbered, blocks: readonly string[]): string[] {
  return blocks.map(parseSubnet).flatMap(({ base, prefixLength }) => {
    const first = counterpart6(network, formatIpv4(base));
    if (first === undefined) return [];
    return [formatSubnet6({ base: parseIpv6(first) ?? 0n, prefixLength: WHOLE_IPV4 + prefixLength })];
  });
}

/** The address of IPv4 that one of IPv6 goes with; undefined when that isn't in the network. */
export function counterpart4({ subnet, ipv6 }: Numbered, address: string): string | undefined {
  const value = parseIpv6(address);
  if (value === undefined || ipv6 === undefined) return undefined;
  const ipv4 = parseSubnet(subnet);
  const number = BigInt(ipv4.base) + value - parseSubnet6(ipv6.subnet).base;
  if (number < 0n || number > 0xffff_ffffn || !contains(ipv4, Number(number))) return undefined;
  return formatIpv4(Number(number));
}
