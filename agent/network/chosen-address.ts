/** Whether a container can have an address that its user has chosen: `--ip`. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { DEFAULT_NETWORK, type NetworkRecord } from './network-record.ts';
import { contains, lastAddress, parseIpv4, parseSubnet, requireIpv4 } from './subnet.ts';

/** Whether it can be said of the network at all. Throws INVALID_ARGUMENT, UNSUPPORTED. */
export function checkSaid(network: NetworkRecord, address: string): void {
  if (parseIpv4(address) === undefined) {
    throw new GantryError('INVALID_ARGUMENT', `"${address}" is not an IPv4 address`, {
      hint: 'write --ip 172.30.0.5, or --ip6 for an address of IPv6',
    });
  }
  if (network.id !== DEFAULT_NETWORK && network.hasOwnSubnet === true) return;
  throw new GantryError(
    'UNSUPPORTED',
    `network ${network.name} has a subnet that nobody chose, so addresses can't be`,
    {
      hint: "make a network with a subnet of its own: 'gantry network create --subnet 172.30.0.0/16 NAME'",
    },
  );
}

/** Throws INVALID_ARGUMENT, IN_USE for one that the network keeps. */
export function checkChosen(network: NetworkRecord, address: string): void {
  const value = requireIpv4(address);
  const subnet = parseSubnet(network.subnet);
  if (!contains(subnet, value)) {
    throw new GantryError(
      'INVALID_ARGUMENT',
      `address ${address} is not in ${network.subnet} of network ${network.name}`,
    );
  }
  const isReserved = value === subnet.base || value === lastAddress(subnet);
  if (address === network.gateway || (isReserved && subnet.prefixLength < 31)) {
    throw new GantryError('INVALID_ARGUMENT', `address ${address} of network ${network.name} is not for containers`, {
      hint: `it is the network's ${address === network.gateway ? 'gateway' : 'first or last one'}`,
    });
  }
  const [holder] = Object.entries(network.auxAddresses ?? {}).find(([, taken]) => taken === address) ?? [];
  if (holder !== undefined) {
    throw new GantryError('IN_USE', `address ${address} of network ${network.name} is kept for "${holder}"`, {
      hint: 'choose another one',
    });
  }
  // Other nodes send what is for an address to the node that has its block.
  if (!network.cluster || network.blocks.some((block) => contains(parseSubnet(block), value))) return;
  throw new GantryError('INVALID_ARGUMENT', `address ${address} of network ${network.name} is not one of this node`, {
    hint: `this node has ${network.blocks.join(', ') || 'none yet'}`,
  });
}
