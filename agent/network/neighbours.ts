/**
 * Who is at which MAC address on this host's bridges, said for good instead of asked for by ARP and neighbour discovery. What the
 * kernel learns by asking it keeps in one table for all network namespaces, of 1,024 entries unless it is told
 * otherwise: once that is full, nobody new can be reached. What was said for good doesn't count (linux/net/core/neighbour.c,
 * `neigh_alloc`: permanent entries are exempt from collection, since Linux 5.0). Pure.
 */
import { bridgeMac } from './link-names.ts';
import type { Neighbour } from './netlink/neighbour.ts';
import type { NetworkRecord } from './network-record.ts';
import { type Attachment, addressesOf, macAddressOf } from './sandbox-record.ts';

export type KnownNeighbour = Pick<Neighbour, 'address' | 'mac'>;

/** A container on a network with a bridge, as its host sees it there. */
export function containerNeighbours(attachment: Attachment): KnownNeighbour[] {
  return addressesOf(attachment).map((address) => ({ address, mac: macAddressOf(attachment) }));
}

/** The host, as a container with that attachment sees it; nobody on a network without a bridge, where it is not seen. */
export function gatewayNeighbours(network: NetworkRecord, { ipv6 }: Pick<Attachment, 'ipv6'>): KnownNeighbour[] {
  if (network.macvlan !== undefined) return [];
  const gateways = [
    network.gateway,
    ...(ipv6 === undefined || network.ipv6 === undefined ? [] : [network.ipv6.gateway]),
  ];
  return gateways.map((address) => ({ address, mac: bridgeMac(network) }));
}
