/**
 * What a VXLAN must know to reach other nodes, and the difference between that and what it knows. Per node and block of
 * addresses, however many containers there are: nothing is learnt, and nothing flooded.
 *
 * Packets to a block are routed to its node's address, as if that were a neighbour on the VXLAN; it has a MAC address there,
 * and the VXLAN sends what is for that one to the node. The same of IPv6, to the link-local address that follows from that MAC address.
 */

import { formatSubnet6, linkLocalOf, parseSubnet6 } from '../../../proto/ipv6/subnet6.ts';
import { macOf } from '../link-names.ts';
import type { Request } from '../netlink/message.ts';
import {
  deleteForwarding,
  deleteNeighbour,
  type Neighbour,
  setForwarding,
  setNeighbour,
} from '../netlink/neighbour.ts';
import { deleteRoute, type Route, setRoute } from '../netlink/route.ts';
import { deleteRoute6, type Route6, setRoute6 } from '../netlink/route6.ts';
import { formatSubnet, parseSubnet, requireIpv4 } from '../subnet.ts';

export interface OverlayPeer {
  readonly nodeAddress: string;
  /** CIDRs, also of IPv6 */
  readonly blocks: readonly string[];
}

export interface OverlayState {
  /** CIDR to the address of the node that has it; of IPv6 to the link-local address that it has on the VXLAN. */
  readonly routes: ReadonlyMap<string, string>;
  /** Address of a node, and its link-local one where routes lead there, to its MAC address on the VXLAN. */
  readonly neighbours: ReadonlyMap<string, string>;
  /** MAC address to the node that has it. */
  readonly forwarding: ReadonlyMap<string, string>;
}

/** How the kernel is asked. */
export interface LinkFacts {
  routes(linkIndex: number): Promise<readonly Route[]>;
  routes6(linkIndex: number): Promise<readonly Route6[]>;
  neighbours(linkIndex: number): Promise<readonly Neighbour[]>;
  forwarding(linkIndex: number): Promise<readonly Neighbour[]>;
}

/** The MAC address that a node has on all VXLANs. */
export function nodeMac(nodeAddress: string): string {
  return macOf(requireIpv4(nodeAddress));
}

/** What a link knows by now. */
export async function linkState(links: LinkFacts, linkIndex: number): Promise<OverlayState> {
  const routes = (await links.routes(linkIndex)).flatMap(({ destination, gateway }) =>
    gateway === undefined ? [] : [[formatSubnet(destination), gateway] as const],
  );
  const routes6 = (await links.routes6(linkIndex)).flatMap(({ destination, gateway }) =>
    gateway === undefined ? [] : [[formatSubnet6(destination), gateway] as const],
  );
  const neighbours = (await links.neighbours(linkIndex)).map(({ address, mac }) => [address, mac] as const);
  const forwarding = (await links.forwarding(linkIndex)).map(({ address, mac }) => [mac, address] as const);
  return { routes: new Map([...routes, ...routes6]), neighbours: new Map(neighbours), forwarding: new Map(forwarding) };
}

export function overlayState(peers: readonly OverlayPeer[]): OverlayState {
  const addresses = [...new Set(peers.map(({ nodeAddress }) => nodeAddress))];
  const routes = peers.flatMap(({ nodeAddress, blocks }) => blocks.map((block) => routeTo(block, nodeAddress)));
  const peers6 = peers.filter(({ blocks }) => blocks.some(isIpv6));
  return {
    routes: new Map(routes),
    neighbours: new Map([
      ...addresses.map((address) => [address, nodeMac(address)] as const),
      ...peers6.map(({ nodeAddress }) => [gateway6(nodeAddress), nodeMac(nodeAddress)] as const),
    ]),
    forwarding: new Map(addresses.map((address) => [nodeMac(address), address])),
  };
}

function routeTo(block: string, nodeAddress: string): readonly [string, string] {
  return isIpv6(block)
    ? [formatSubnet6(parseSubnet6(block)), gateway6(nodeAddress)]
    : [formatSubnet(parseSubnet(block)), nodeAddress];
}

/** The link-local address that a node has on all VXLANs, as far as others know. */
function gateway6(nodeAddress: string): string {
  return linkLocalOf(nodeMac(nodeAddress));
}

/** What leads from one state of the link to the other: at no time is anything sent where nobody is known. */
export function overlayChanges(linkIndex: number, now: OverlayState, wanted: OverlayState): Request[] {
  const entry = ([mac, address]: readonly [string, string]): Neighbour => ({ linkIndex, mac, address });
  const neighbour = ([address, mac]: readonly [string, string]): Neighbour => ({ linkIndex, mac, address });
  return [
    ...missing(now.forwarding, wanted.forwarding).map((one) => setForwarding(entry(one))),
    ...missing(now.neighbours, wanted.neighbours).map((one) => setNeighbour(neighbour(one))),
    ...missing(now.routes, wanted.routes).map(([to, gateway]) => addRoute(linkIndex, to, gateway)),
    ...surplus(now.routes, wanted.routes).map(([to, gateway]) => removeRoute(linkIndex, to, gateway)),
    ...surplus(now.neighbours, wanted.neighbours).map((one) => deleteNeighbour(neighbour(one))),
    ...surplus(now.forwarding, wanted.forwarding).map((one) => deleteForwarding(entry(one))),
  ];
}

function addRoute(linkIndex: number, destination: string, gateway: string): Request {
  const via = { gateway, isGatewayOnLink: true, linkIndex };
  return isIpv6(destination)
    ? setRoute6({ ...via, destination: parseSubnet6(destination) })
    : setRoute({ ...via, destination: parseSubnet(destination) });
}

function removeRoute(linkIndex: number, destination: string, gateway: string): Request {
  const via = { gateway, isGatewayOnLink: true, linkIndex };
  return isIpv6(destination)
    ? deleteRoute6({ ...via, destination: parseSubnet6(destination) })
    : deleteRoute({ ...via, destination: parseSubnet(destination) });
}

function isIpv6(cidr: string): boolean {
  return cidr.includes(':');
}

/** New, or with another value than before: what is set replaces that. */
function missing(now: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): [string, string][] {
  return [...wanted].filter(([key, value]) => now.get(key) !== value);
}

function surplus(now: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): [string, string][] {
  return [...now].filter(([key]) => !wanted.has(key));
}
