/** The IPv6 half of a network as this node knows it: where its subnet comes from, and which address goes with which. Pure. */
import { GantryError } from '../../../proto/errors.ts';
import { chosenSubnet6 } from '../../../proto/ipv6/chosen-subnet6.ts';
import {
  contains6,
  covers6,
  formatIpv6,
  formatSubnet6,
  lastAddress6,
  parseIpv6,
  parseSubnet6,
  type Subnet6,
} from '../../../proto/ipv6/subnet6.ts';
import { parseSubnet, requireIpv4 } from '../subnet.ts';

/** As kept on disk: plain JSON. */
export interface Ipv6Record {
  /** CIDR */
  readonly subnet: string;
  readonly gateway: string;
  /** CIDR: the part of the subnet that containers get addresses of. */
  readonly range: string;
  /** Whether its user chose the subnet, and so may choose addresses of it. */
  readonly hasOwnSubnet: boolean;
}

/** What a user asks for; empty: nothing in particular. */
export interface Ipv6Wish {
  readonly subnet: string;
  readonly gateway: string;
  readonly range: string;
}

/** What each link must carry (RFC 8200, 5). */
export const MIN_MTU_IPV6 = 1280;

/** Throws INVALID_ARGUMENT for what doesn't fit together. */
export function chosenIpv6(name: string, { subnet: text, gateway, range }: Ipv6Wish): Ipv6Record {
  const subnet = chosenSubnet6(name, text);
  const cidr = formatSubnet6(subnet);
  return {
    subnet: cidr,
    gateway: gateway === '' ? formatIpv6(subnet.base + 1n) : gatewayIn(name, subnet, gateway),
    range: range === '' ? cidr : rangeIn(name, subnet, range),
    hasOwnSubnet: true,
  };
}

/** Of a subnet that nobody chose. */
export function givenIpv6(subnet: Subnet6): Ipv6Record {
  const cidr = formatSubnet6(subnet);
  return { subnet: cidr, gateway: formatIpv6(subnet.base + 1n), range: cidr, hasOwnSubnet: false };
}

function gatewayIn(name: string, subnet: Subnet6, text: string): string {
  const address = parseIpv6(text);
  if (address !== undefined && contains6(subnet, address) && address !== subnet.base) return formatIpv6(address);
  const cidr = formatSubnet6(subnet);
  throw invalid(`network ${name}: gateway "${text}" is no address of ${cidr}`, `write one of it, or leave it out`);
}

function rangeIn(name: string, subnet: Subnet6, text: string): string {
  const range = parseSubnet6(text);
  const cidr = formatSubnet6(subnet);
  if (covers6(subnet, range)) return `${formatIpv6(range.base)}/${range.prefixLength}`;
  throw invalid(`network ${name}: range ${text} is not in ${cidr}`, 'write a part of the subnet, or leave it out');
}

function invalid(message: string, hint: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', message, { hint });
}

/**
 * The address that goes with an IPv4 address of the network: as far from the range's beginning as that is from its subnet's.
 * If it is taken, the next that isn't; undefined when none is left.
 */
export function matchingAddress(
  ipv6: Ipv6Record,
  ipv4: { readonly subnet: string; readonly address: string },
  isTaken: (address: string) => boolean,
): string | undefined {
  const [subnet, range] = [parseSubnet6(ipv6.subnet), parseSubnet6(ipv6.range)];
  const size = lastAddress6(range) - range.base + 1n;
  const offset = BigInt(requireIpv4(ipv4.address) - parseSubnet(ipv4.subnet).base);
  // Between two that are taken by containers lies one that isn't, or the range is full of them.
  for (let step = 0n; step < size; step += 1n) {
    const address = range.base + ((offset + step) % size);
    const text = formatIpv6(address);
    if (address !== subnet.base && text !== ipv6.gateway && !isTaken(text)) return text;
  }
  return undefined;
}
