/** Whether a container can have an IPv6 address that its user has chosen: `--ip6`. Pure. */
import { GantryError } from '../../../proto/errors.ts';
import type { NetworkAttachmentConfig } from '../../../proto/generated/gantry/v1/types.ts';
import { contains6, formatIpv6, parseIpv6, parseSubnet6, requireIpv6 } from '../../../proto/ipv6/subnet6.ts';
import { checkSaid } from '../chosen-address.ts';
import type { NetworkRecord } from '../network-record.ts';
import { blocks6, counterpart4, counterpart6 } from './counterpart.ts';

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

/** What is chosen of a network, in each family. */
export type ChosenAddresses = Pick<NetworkAttachmentConfig, 'ip' | 'ipv6'>;

/**
 * What follows from what a user has said: on a network of the cluster an address of IPv6 is one of IPv4, too. Throws
 * INVALID_ARGUMENT, UNSUPPORTED.
 */
export function chosenAddresses(network: NetworkRecord, { ip, ipv6 }: ChosenAddresses): ChosenAddresses {
  if (ip !== undefined) checkSaid(network, ip);
  if (ipv6 === undefined || !network.cluster) return { ip, ipv6 };
  const written = checkChosen6(network, ipv6);
  const ipv4 = counterpart4(network, written);
  if (ipv4 === undefined) {
    throw new GantryError('INVALID_ARGUMENT', `address ${ipv6} of network ${network.name} goes with none of IPv4`, {
      hint: `choose one of ${blocks6(network, network.blocks).join(', ')}: each is as far from the beginning of its subnet`,
    });
  }
  if (ip !== undefined && ip !== ipv4) {
    throw new GantryError(
      'INVALID_ARGUMENT',
      `addresses ${ip} and ${ipv6} of network ${network.name} don't go together`,
      {
        hint: `write --ip ${ipv4} or --ip6 ${counterpart6(network, ip)}: each gives both`,
      },
    );
  }
  checkIsHere(network, written);
  return { ip: ipv4, ipv6: written };
}

/** As for IPv4: other nodes send what is for an address to the node that has its block. */
function checkIsHere(network: NetworkRecord, address: string): void {
  const blocks = blocks6(network, network.blocks);
  if (blocks.some((block) => contains6(parseSubnet6(block), requireIpv6(address)))) return;
  throw new GantryError('INVALID_ARGUMENT', `address ${address} of network ${network.name} is not one of this node`, {
    hint: `this node has ${blocks.join(', ') || 'none yet'}`,
  });
}
