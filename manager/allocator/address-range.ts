/** The part of a network that nodes and services get addresses of. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { type Cidr, contains, formatCidr, parseAddress, parseCidr, size } from './cidr.ts';

/** The least that a node is given is four addresses, and services need some besides. */
const LONGEST_PREFIX = 29;

export interface Ranged {
  readonly subnet: string;
  readonly gateway: string;
  readonly spec: { readonly ipRange: string; readonly auxAddresses: Readonly<Record<string, string>> };
}

/** The range that its user has chosen, or all of the subnet; undefined when it has none. */
export function rangeOf({ subnet, spec }: Ranged): Cidr | undefined {
  return parseCidr(spec.ipRange) ?? parseCidr(subnet);
}

/** How many addresses tasks and services can have: not the subnet's first and last, nor the gateway. */
export function usableAddresses(network: Ranged): number {
  const [subnet, range] = [parseCidr(network.subnet), rangeOf(network)];
  if (subnet === undefined || range === undefined) return 0;
  const aux = Object.values(network.spec.auxAddresses).map(parseAddress);
  const reserved = new Set([subnet.base, subnet.base + size(subnet) - 1, parseAddress(network.gateway), ...aux]);
  return size(range) - [...reserved].filter((address) => address !== undefined && contains(range, address)).length;
}

/** Throws INVALID_ARGUMENT for addresses that are kept free, but are none of the subnet. */
export function checkAuxAddresses(
  name: string,
  wanted: { readonly subnet: string; readonly auxAddresses: Readonly<Record<string, string>> },
): void {
  const [first] = Object.entries(wanted.auxAddresses);
  if (first === undefined) return;
  const subnet = parseCidr(wanted.subnet);
  if (subnet === undefined) {
    throw new GantryError(
      'INVALID_ARGUMENT',
      `network "${name}" keeps ${first[1]} free, but has no subnet that it is in`,
      {
        hint: 'give its subnet too: --subnet, or ipam.config.subnet in a stack',
      },
    );
  }
  for (const [what, text] of Object.entries(wanted.auxAddresses)) {
    const address = parseAddress(text);
    if (address !== undefined && contains(subnet, address)) continue;
    throw new GantryError(
      'INVALID_ARGUMENT',
      `network "${name}": address "${text}" of ${what} is none of ${wanted.subnet}`,
      {
        hint: 'name one of the subnet, of IPv4: addresses of IPv6 go with those',
      },
    );
  }
}

/** `wanted`: as the user wrote it; `subnet`: the network's. Throws INVALID_ARGUMENT for a range that is none, not in it, or too small. */
export function checkRange(name: string, wanted: { readonly subnet: string; readonly ipRange: string }): void {
  if (wanted.ipRange === '') return;
  const [subnet, range] = [parseCidr(wanted.subnet), parseCidr(wanted.ipRange)];
  if (subnet === undefined) {
    throw new GantryError('INVALID_ARGUMENT', `network "${name}" has an IP range, but no subnet that it is in`, {
      hint: 'give its subnet too: --subnet, or ipam.config.subnet in a stack',
    });
  }
  if (range === undefined || range.prefix < subnet.prefix || !contains(subnet, range.base)) {
    throw new GantryError(
      'INVALID_ARGUMENT',
      `network "${name}": IP range "${wanted.ipRange}" is no part of ${formatCidr(subnet)}`,
      { hint: 'write its first address and the prefix length: 10.20.4.0/24' },
    );
  }
  if (range.prefix <= LONGEST_PREFIX) return;
  throw new GantryError('INVALID_ARGUMENT', `network "${name}": IP range ${wanted.ipRange} is too small`, {
    hint: `write at most /${LONGEST_PREFIX}; a node takes up to 64 addresses at a time`,
  });
}
