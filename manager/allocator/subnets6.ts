/**
 * IPv6 subnets of networks. All other addresses of IPv6 follow from those of IPv4: each is as far from the beginning of its subnet.
 * So nodes' blocks and services' addresses are allocated once, for both. Pure.
 */
import { GantryError } from '../../proto/errors.ts';
import { chosenSubnet6 } from '../../proto/ipv6/chosen-subnet6.ts';
import { counterpartAt } from '../../proto/ipv6/counterpart.ts';
import {
  contains6,
  formatIpv6,
  formatSubnet6,
  isSameIpv6,
  overlaps6,
  parseIpv6,
  parseSubnet6,
  type Subnet6,
} from '../../proto/ipv6/subnet6.ts';
import { uniqueLocalSubnet } from '../../proto/ipv6/unique-local.ts';
import type { NetworkObject } from '../store/network.ts';
import { parseAddress, parseCidr } from './cidr.ts';
import type { Subnet } from './subnets.ts';

/** What a user asks for; empty: nothing in particular. */
export interface Ipv6Wish {
  readonly enableIpv6: boolean;
  readonly ipv6Subnet: string;
  readonly ipv6Gateway: string;
}

/** Empty: it has no IPv6 addresses. */
export type Subnet6Fields = Pick<NetworkObject, 'ipv6Subnet' | 'ipv6Gateway'>;

export interface Surroundings6 {
  /** Those that exist. */
  readonly networks: readonly Pick<NetworkObject, 'spec' | 'ipv6Subnet'>[];
  /** Of the nodes, which no subnet may contain. */
  readonly hostAddresses: readonly string[];
  /** What a subnet that nobody chose follows from: the network's id. */
  readonly seed: string;
}

const IPV4_BITS = 32;
const IPV6_BITS = 128;

/** `ipv4`: what the network has got already. Throws INVALID_ARGUMENT, IN_USE for a subnet that overlaps, EXHAUSTED. */
export function allocateSubnet6(
  name: string,
  wish: Ipv6Wish,
  ipv4: Subnet,
  { networks, hostAddresses, seed }: Surroundings6,
): Subnet6Fields {
  if (!wish.enableIpv6) return refuseOthers(name, wish);
  const hosts = hostAddresses.flatMap((address) => parseIpv6(address) ?? []);
  const others = networks.filter(({ ipv6Subnet }) => ipv6Subnet !== '');
  const subnet = wish.ipv6Subnet === '' ? fromPool(name, seed, others, hosts) : explicit(name, wish, others, hosts);
  checkRoom(name, subnet, ipv4);
  return { ipv6Subnet: formatSubnet6(subnet), ipv6Gateway: gatewayIn(name, subnet, ipv4, wish.ipv6Gateway) };
}

function refuseOthers(name: string, { ipv6Subnet, ipv6Gateway }: Ipv6Wish): Subnet6Fields {
  const given = [ipv6Subnet, ipv6Gateway].find((value) => value !== '');
  if (given === undefined) return { ipv6Subnet: '', ipv6Gateway: '' };
  throw new GantryError('INVALID_ARGUMENT', `network "${name}" has no IPv6, but ${given}`, {
    hint: 'give --ipv6 too, or enable_ipv6 in a stack',
  });
}

function fromPool(
  name: string,
  seed: string,
  others: readonly Pick<NetworkObject, 'ipv6Subnet'>[],
  hosts: readonly bigint[],
): Subnet6 {
  const taken = others.map(({ ipv6Subnet }) => parseSubnet6(ipv6Subnet));
  const subnet = uniqueLocalSubnet(seed, [...taken, ...hosts.map((base) => ({ base, prefixLength: IPV6_BITS }))]);
  if (subnet !== undefined) return subnet;
  throw new GantryError('EXHAUSTED', `no unique local IPv6 subnet is left for network "${name}"`, {
    hint: 'give it one of its own',
  });
}

function explicit(
  name: string,
  { ipv6Subnet: text }: Ipv6Wish,
  others: readonly Pick<NetworkObject, 'spec' | 'ipv6Subnet'>[],
  hosts: readonly bigint[],
): Subnet6 {
  const subnet = chosenSubnet6(name, text);
  const other = others.find(({ ipv6Subnet }) => overlaps6(subnet, parseSubnet6(ipv6Subnet)));
  if (other !== undefined) {
    throw new GantryError(
      'IN_USE',
      `network "${name}": subnet ${text} overlaps ${other.ipv6Subnet} of network "${other.spec.annotations.name}"`,
    );
  }
  const host = hosts.find((address) => contains6(subnet, address));
  if (host === undefined) return subnet;
  throw new GantryError(
    'IN_USE',
    `network "${name}": subnet ${text} contains the address ${formatIpv6(host)} of a node`,
  );
}

/** For each address of IPv4 there must be one. */
function checkRoom(name: string, subnet: Subnet6, ipv4: Subnet): void {
  const longest = IPV6_BITS - IPV4_BITS + (parseCidr(ipv4.subnet)?.prefix ?? 0);
  if (subnet.prefixLength <= longest) return;
  throw new GantryError(
    'INVALID_ARGUMENT',
    `network "${name}": subnet ${formatSubnet6(subnet)} has fewer addresses than ${ipv4.subnet}`,
    { hint: `use a prefix length of at most ${longest}, usually 64` },
  );
}

/** Of an address in `subnet`. The network must have IPv6. */
export function counterpart6(
  { subnet, ipv6Subnet }: Pick<NetworkObject, 'subnet' | 'ipv6Subnet'>,
  address: string,
): string {
  return counterpartAt(ipv6Subnet, (parseAddress(address) ?? 0) - (parseCidr(subnet)?.base ?? 0));
}

function gatewayIn(name: string, subnet: Subnet6, ipv4: Subnet, text: string): string {
  const gateway = counterpart6({ ...ipv4, ipv6Subnet: formatSubnet6(subnet) }, ipv4.gateway);
  if (text === '' || isSameIpv6(text, gateway)) return gateway;
  throw new GantryError('INVALID_ARGUMENT', `network "${name}": its IPv6 gateway can't be "${text}"`, {
    hint: `leave it out, or write ${gateway}: IPv6 addresses go with those of IPv4, whose gateway is ${ipv4.gateway}`,
  });
}
