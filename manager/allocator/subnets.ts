/** Subnets and gateways for networks. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { NetworkObject } from '../store/network.ts';
import { checkAuxAddresses, checkRange } from './address-range.ts';
import {
  type Cidr,
  contains,
  firstFree,
  formatAddress,
  formatCidr,
  overlap,
  parseAddress,
  parseCidr,
  size,
} from './cidr.ts';

/**
 * Where subnets are taken from when none is asked for. Not the ranges that home routers (192.168/16), Docker
 * (172.17-31/16), Kubernetes (10.96/12, 10.244/16) and most sites (low 10/8) use.
 */
const DEFAULT_POOL: Cidr = { base: 0x0ac0_0000, prefix: 11 };
const DEFAULT_PREFIX = 20;
/** A network needs its own address, a gateway, a container and the broadcast address. */
const LONGEST_PREFIX = 29;

export interface Subnet {
  readonly subnet: string;
  readonly gateway: string;
}

/**
 * What a network gets. `networks`: those that exist; `hostAddresses`: of the nodes, which no subnet may contain.
 * Throws INVALID_ARGUMENT for a subnet that is none, IN_USE for one that overlaps, EXHAUSTED.
 */
export function allocateSubnet(
  name: string,
  wanted: Subnet & Pick<NetworkObject['spec'], 'ipRange' | 'auxAddresses'>,
  networks: readonly NetworkObject[],
  hostAddresses: readonly string[],
): Subnet {
  checkRange(name, wanted);
  checkAuxAddresses(name, wanted);
  const hosts = hostAddresses.flatMap((address) => parseAddress(address) ?? []);
  const cidr = wanted.subnet === '' ? fromPool(name, networks, hosts) : explicit(name, wanted.subnet, networks, hosts);
  return { subnet: formatCidr(cidr), gateway: gatewayIn(name, cidr, wanted.gateway) };
}

function fromPool(name: string, networks: readonly NetworkObject[], hosts: readonly number[]): Cidr {
  const taken = networks.flatMap((network) => parseCidr(network.subnet) ?? []);
  const cidr = firstFree(DEFAULT_POOL, DEFAULT_PREFIX, [...taken, ...hosts.map((base) => ({ base, prefix: 32 }))]);
  if (cidr !== undefined) return cidr;
  throw new GantryError('EXHAUSTED', `no subnet is left for network "${name}" in ${formatCidr(DEFAULT_POOL)}`, {
    hint: 'remove networks, or give it a subnet of its own',
  });
}

function explicit(name: string, text: string, networks: readonly NetworkObject[], hosts: readonly number[]): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined || cidr.prefix > LONGEST_PREFIX || cidr.prefix === 0) {
    throw new GantryError('INVALID_ARGUMENT', `network "${name}": invalid subnet "${text}"`, {
      hint: `write the first address and the prefix length, 10.20.0.0/16, at most /${LONGEST_PREFIX}`,
    });
  }
  for (const other of networks) {
    const taken = parseCidr(other.subnet);
    if (taken === undefined || !overlap(cidr, taken)) continue;
    throw new GantryError(
      'IN_USE',
      `network "${name}": subnet ${text} overlaps ${other.subnet} of network "${other.spec.annotations.name}"`,
    );
  }
  const host = hosts.find((address) => contains(cidr, address));
  if (host === undefined) return cidr;
  throw new GantryError(
    'IN_USE',
    `network "${name}": subnet ${text} contains the address ${formatAddress(host)} of a node`,
  );
}

function gatewayIn(name: string, cidr: Cidr, text: string): string {
  if (text === '') return formatAddress(cidr.base + 1);
  const address = parseAddress(text);
  const inside = address !== undefined && address > cidr.base && address < cidr.base + size(cidr) - 1;
  if (inside) return text;
  throw new GantryError(
    'INVALID_ARGUMENT',
    `network "${name}": gateway "${text}" is no address of ${formatCidr(cidr)}`,
  );
}
