/**
 * On a network of the cluster each IPv6 address goes with one of IPv4: it is as far from the beginning of its subnet
 * (docs/decisions/0012-dual-stack-overlays.md). Pure.
 */
import { formatIpv6, parseSubnet6 } from './subnet6.ts';

/** `offset`: how far the IPv4 address is from the first one of its subnet. `subnet6`: CIDR. Throws INVALID_ARGUMENT. */
export function counterpartAt(subnet6: string, offset: number): string {
  return formatIpv6(parseSubnet6(subnet6).base + BigInt(offset));
}
