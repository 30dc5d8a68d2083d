/**
 * What the way between nodes needs for IPv6. Over IPv4 a node is asked there at the address that others reach it by; of IPv6 it
 * gets one for just this, which follows from that. Pure.
 */
import { formatIpv6, linkLocalOf, parseSubnet6 } from '../../../proto/ipv6/subnet6.ts';
import type { Request } from '../netlink/message.ts';
import { deleteRoute6, EVERYWHERE6, type Route6, type RouteSpec6, setRoute6 } from '../netlink/route6.ts';
import { nodeMac } from '../overlay/overlay-state.ts';
import { requireIpv4 } from '../subnet.ts';
import { originOf, towardsOrigin } from './marks.ts';

/** Unique local ones that are on this link alone: "Gantry" in ASCII. */
export const INGRESS_ADDRESSES6 = 'fd47:616e:7472:7900::/96';

/** Where a node is asked by others, on the link between them. */
export function ingressAddress6(nodeAddress: string): string {
  return formatIpv6(parseSubnet6(INGRESS_ADDRESSES6).base + BigInt(requireIpv4(nodeAddress)));
}

/** Answers go back to the node that a connection came from. `routes`: those over the link, of all tables. */
export function routeChanges6(
  routes: readonly Route6[],
  numbers: ReadonlyMap<string, number>,
  linkIndex: number,
): Request[] {
  const wanted = [...numbers].map(([address, number]): RouteSpec6 & { readonly table: number } => ({
    destination: EVERYWHERE6,
    gateway: linkLocalOf(nodeMac(address)),
    isGatewayOnLink: true,
    linkIndex,
    table: towardsOrigin(number),
  }));
  const ours = routes.filter(({ table }) => originOf(table) !== undefined);
  const have = new Set(ours.map(routeText));
  const want = new Set(wanted.map(routeText));
  return [
    ...wanted.filter((route) => !have.has(routeText(route))).map(setRoute6),
    ...ours
      .filter((route) => !want.has(routeText(route)))
      .map((route) => deleteRoute6({ ...route, isGatewayOnLink: true, linkIndex })),
  ];
}

function routeText({ table, gateway }: Pick<Route6, 'table' | 'gateway'>): string {
  return `${table} ${gateway}`;
}
