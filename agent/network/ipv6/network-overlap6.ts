/** Whether a network's IPv6 subnet would take addresses away from something else; see network-overlap.ts. Pure. */
import { GantryError } from '../../../proto/errors.ts';
import { covers6, formatSubnet6, overlaps6, parseSubnet6, type Subnet6 } from '../../../proto/ipv6/subnet6.ts';
import type { Route6 } from '../netlink/route6.ts';
import type { NetworkRecord } from '../network-record.ts';

/** The error to refuse the network with. */
export function findOverlap6(
  network: NetworkRecord,
  others: readonly NetworkRecord[],
  routes: readonly Route6[],
): GantryError | undefined {
  if (network.ipv6 === undefined) return undefined;
  const subnet = parseSubnet6(network.ipv6.subnet);
  const other = others.find(({ ipv6 }) => ipv6 !== undefined && overlaps6(subnet, parseSubnet6(ipv6.subnet)));
  if (other?.ipv6 !== undefined) return refusal(network, `network ${other.name} (${other.ipv6.subnet})`);
  const route = routes.find((candidate) => isInTheWay(candidate, subnet));
  return route && refusal(network, `the host's route to ${formatSubnet6(route.destination)}`);
}

function isInTheWay({ destination, gateway }: Route6, subnet: Subnet6): boolean {
  if (covers6(subnet, destination)) return true;
  return gateway === undefined && destination.prefixLength > 0 && overlaps6(destination, subnet);
}

function refusal({ name, ipv6 }: NetworkRecord, what: string): GantryError {
  return new GantryError('CONFLICT', `subnet ${ipv6?.subnet} of network ${name} overlaps ${what}`, {
    hint: 'give the network another subnet',
  });
}
