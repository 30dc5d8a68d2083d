/** Whether a network's subnet would take addresses away from something else. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { Route } from './netlink/route.ts';
import type { NetworkRecord } from './network-record.ts';
import { covers, formatSubnet, overlaps, parseSubnet, type Subnet } from './subnet.ts';

/**
 * The error to refuse the network with. A host's route is in the way when it leads to neighbours of the host, or into a
 * part of the subnet; a wider one through a gateway (a VPN's 10.0.0.0/8) is not, as the bridge's own is more specific.
 */
export function findOverlap(
  network: NetworkRecord,
  others: readonly NetworkRecord[],
  routes: readonly Route[],
): GantryError | undefined {
  const subnet = parseSubnet(network.subnet);
  const other = others.find((candidate) => overlaps(subnet, parseSubnet(candidate.subnet)));
  if (other !== undefined) return refusal(network, `network ${other.name} (${other.subnet})`);
  const route = routes.find((candidate) => isInTheWay(candidate, subnet));
  if (route !== undefined) return refusal(network, `the host's route to ${formatSubnet(route.destination)}`);
  return undefined;
}

function isInTheWay({ destination, gateway }: Route, subnet: Subnet): boolean {
  if (covers(subnet, destination)) return true;
  return gateway === undefined && destination.prefixLength > 0 && overlaps(destination, subnet);
}

function refusal(network: NetworkRecord, what: string): GantryError {
  return new GantryError('CONFLICT', `subnet ${network.subnet} of network ${network.name} overlaps ${what}`, {
    hint: 'give the network another subnet',
  });
}
