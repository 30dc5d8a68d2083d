/** The IPv6 subnet of a network that its user has chosen. Pure. */
import { GantryError } from '../errors.ts';
import { covers6, formatSubnet6, parseIpv6, parseSubnet6, type Subnet6 } from './subnet6.ts';

/** A container, a gateway, and the address that stands for the subnet's routers. */
const LONGEST_PREFIX = 125;
const SHORTEST_PREFIX = 8;

/** Throws INVALID_ARGUMENT for what can't be a network's. */
export function chosenSubnet6(network: string, text: string): Subnet6 {
  const subnet = parseSubnet6(text);
  if (parseIpv6(text.split('/')[0] ?? '') !== subnet.base) {
    throw invalid(`network ${network}: invalid subnet "${text}"`, `write its first address: ${formatSubnet6(subnet)}`);
  }
  if (subnet.prefixLength < SHORTEST_PREFIX || subnet.prefixLength > LONGEST_PREFIX) {
    throw invalid(`network ${network}: invalid subnet "${text}"`, 'use a prefix length from 8 to 125, usually 64');
  }
  if (isSpecial(subnet)) {
    throw invalid(
      `network ${network}: subnet ${text} is not for networks`,
      'use one of fd00::/8, or one that is routed to you',
    );
  }
  return subnet;
}

/** Link-local and multicast addresses, and those that stand for IPv4's or for the host itself. */
function isSpecial(subnet: Subnet6): boolean {
  return ['fe80::/10', 'ff00::/8', '::/96', '::ffff:0:0/96'].some((other) => {
    const special = parseSubnet6(other);
    return covers6(special, subnet) || covers6(subnet, special);
  });
}

function invalid(message: string, hint: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', message, { hint });
}
