/** Whether a container can have an IPv6 address that its user has chosen: `--ip6`. Pure. */
import { GantryError } from '../../../proto/errors.ts';
import { contains6, formatIpv6, parseIpv6, parseSubnet6 } from '../../../proto/ipv6/subnet6.ts';
import type { NetworkRecord } from '../network-record.ts';
import { counterpart4 } from './counterpart.ts';

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

/** Of a network of the cluster, where it follows from that of IPv4: which must be chosen, too. Throws INVALID_ARGUMENT. */
export function checkGoesWith(
  network: NetworkRecord,
  { ip, ipv6 }: { readonly ip: string | undefined; readonly ipv6: string | undefined },
): void {
  if (!network.cluster || ipv6 === undefined || network.ipv6 === undefined) return;
  const ipv4 = counterpart4(network, ipv6);
  if (ipv4 !== undefined && ip === ipv4) return;
  throw new GantryError('INVALID_ARGUMENT', `address ${ipv6} of network ${network.name} can't be chosen by itself`, {
    hint:
      ipv4 === undefined
        ? `choose one of IPv4: each goes with one of ${network.ipv6.subnet}, as far from its beginning`
        : `it goes with ${ipv4} on each network of the cluster: write --ip ${ipv4}, which gives both`,
  });
}
