/** Whether a container can have an IPv6 address that its user has chosen: `--ip6`. Pure. */
import { GantryError } from '../../../proto/errors.ts';
import type { NetworkRecord } from '../network-record.ts';
import { contains6, formatIpv6, parseIpv6, parseSubnet6 } from './subnet6.ts';

/** The address as it is written everywhere. Throws INVALID_ARGUMENT, UNSUPPORTED. */
export function checkChosen6(network: Pick<NetworkRecord, 'name' | 'ipv6'>, address: string): string {
  const value = parseIpv6(address);
  if (value === undefined) {
    throw new GantryError('INVALID_ARGUMENT', `"${address}" is not an IPv6 address`, { hint: 'write --ip6 fd00:1::5' });
  }
  const { name, ipv6 } = network;
  if (ipv6 === undefined) {
    throw new GantryError('INVALID_ARGUMENT', `network ${name} has no IPv6 addresses`, {
      hint: "make one that has: 'gantry network create --ipv6 --subnet fd00:1::/64 NAME'",
    });
  }
  if (!ipv6.hasOwnSubnet) {
    throw new GantryError(
      'UNSUPPORTED',
      `network ${name} has an IPv6 subnet that nobody chose, so addresses can't be`,
      {
        hint: "make a network with a subnet of its own: 'gantry network create --ipv6 --subnet fd00:1::/64 NAME'",
      },
    );
  }
  const subnet = parseSubnet6(ipv6.subnet);
  if (!contains6(subnet, value)) {
    throw new GantryError('INVALID_ARGUMENT', `address ${address} is not in ${ipv6.subnet} of network ${name}`, {
      hint: 'choose an address of that subnet',
    });
  }
  const text = formatIpv6(value);
  if (text !== ipv6.gateway && value !== subnet.base) return text;
  throw new GantryError('INVALID_ARGUMENT', `address ${address} of network ${name} is not for containers`, {
    hint: `it is the network's ${text === ipv6.gateway ? 'gateway' : 'first one'}`,
  });
}
