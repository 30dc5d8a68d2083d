/** rtnetlink routes of IPv6. */
import {
  formatIpv6,
  formatSubnet6,
  ipv6Bytes,
  ipv6FromBytes,
  type Subnet6,
  subnet6Of,
} from '../../../proto/ipv6/subnet6.ts';
import type { Message, Request } from './message.ts';
import {
  deleteRouteOf,
  dumpRoutesOf,
  parseRouteOf,
  type RouteFamily,
  type RouteSpecTo,
  type RouteTo,
  RT_SCOPE_UNIVERSE,
  setRouteOf,
} from './route-messages.ts';

const AF_INET6 = 10;

export type Route6 = RouteTo<Subnet6>;
export type RouteSpec6 = RouteSpecTo<Subnet6>;

export const EVERYWHERE6: Subnet6 = { base: 0n, prefixLength: 0 };

const IPV6: RouteFamily<Subnet6> = {
  number: AF_INET6,
  routes: 'IPv6 routes',
  // The kernel doesn't look at it.
  linkScope: RT_SCOPE_UNIVERSE,
  firstOf: ({ base }) => ipv6Bytes(formatIpv6(base)),
  format: formatSubnet6,
  destination: (first, prefixLength) => subnet6Of(first === undefined ? 0n : ipv6FromBytes(first), prefixLength),
  bytes: ipv6Bytes,
  address: (bytes) => formatIpv6(ipv6FromBytes(bytes)),
};

/** Replaces one to the same destination. */
export function setRoute6(spec: RouteSpec6): Request {
  return setRouteOf(IPV6, spec);
}

export function deleteRoute6(spec: RouteSpec6): Request {
  return deleteRouteOf(IPV6, spec);
}

export function dumpRoutes6(): Request {
  return dumpRoutesOf(IPV6);
}

/** Undefined for what isn't a unicast IPv6 route. */
export function parseRoute6(message: Message): Route6 | undefined {
  return parseRouteOf(IPV6, message);
}
