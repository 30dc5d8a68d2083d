/** rtnetlink routes of IPv4. */
import { formatIpv4, formatSubnet, ipv4Bytes, type Subnet, subnetOf } from '../subnet.ts';
import { attribute, u32Attribute } from './attributes.ts';
import { type Message, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, type Request } from './message.ts';
import {
  deleteRouteOf,
  dumpRoutesOf,
  MAIN_TABLE,
  parseRouteOf,
  type RouteFamily,
  type RouteSpecTo,
  type RouteTo,
  RTA_DST,
  RTA_OIF,
  RTA_TABLE,
  RTM_NEWROUTE,
  routeHeader,
  setRouteOf,
} from './route-messages.ts';

const AF_INET = 2;
const RTA_PREFSRC = 7;
const RTPROT_KERNEL = 2;
const RT_SCOPE_LINK = 253;

export type Route = RouteTo<Subnet>;
export type RouteSpec = RouteSpecTo<Subnet>;

export const EVERYWHERE: Subnet = { base: 0, prefixLength: 0 };

const IPV4: RouteFamily<Subnet> = {
  number: AF_INET,
  routes: 'routes',
  linkScope: RT_SCOPE_LINK,
  firstOf: ({ base }) => ipv4Bytes(formatIpv4(base)),
  format: formatSubnet,
  destination: (first, prefixLength) => subnetOf(first?.readUInt32BE() ?? 0, prefixLength),
  bytes: ipv4Bytes,
  address: (bytes) => formatIpv4(bytes.readUInt32BE()),
};

/** Replaces one to the same destination. */
export function setRoute(spec: RouteSpec): Request {
  return setRouteOf(IPV4, spec);
}

export function deleteRoute(spec: RouteSpec): Request {
  return deleteRouteOf(IPV4, spec);
}

export function dumpRoutes(): Request {
  return dumpRoutesOf(IPV4);
}

/** Undefined for what isn't a unicast IPv4 route. */
export function parseRoute(message: Message): Route | undefined {
  return parseRouteOf(IPV4, message);
}

/** The one that the kernel makes along with an address, in the same words: it goes with the address. EEXIST when it is there. */
export function connectedRoute(route: {
  readonly destination: Subnet;
  /** The address. */
  readonly source: string;
  readonly linkIndex: number;
}): Request {
  const { destination, source, linkIndex } = route;
  const { prefixLength } = destination;
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      routeHeader({ family: AF_INET, prefixLength, scope: RT_SCOPE_LINK, flags: 0, protocol: RTPROT_KERNEL }),
      attribute(RTA_DST, IPV4.firstOf(destination)),
      attribute(RTA_PREFSRC, ipv4Bytes(source)),
      u32Attribute(RTA_OIF, linkIndex),
      u32Attribute(RTA_TABLE, MAIN_TABLE),
    ]),
    purpose: `set route to ${formatSubnet(destination)} of link ${linkIndex}`,
  };
}
