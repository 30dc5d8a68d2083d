/** rtnetlink routes of IPv6 (rtnetlink(7), linux/rtnetlink.h). */
import {
  formatIpv6,
  formatSubnet6,
  ipv6Bytes,
  ipv6FromBytes,
  requireIpv6,
  type Subnet6,
  subnet6Of,
} from '../../../proto/ipv6/subnet6.ts';
import { attribute, parseAttributes, readU32, u32Attribute } from './attributes.ts';
import { type Message, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, type Request } from './message.ts';
import { MAIN_TABLE } from './route.ts';

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_TABLE = 15;
const AF_INET6 = 10;
const RT_TABLE_UNSPEC = 0;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RTNH_F_ONLINK = 4;
const RTN_UNICAST = 1;
const HEADER_BYTES = 12;

export interface Route6 {
  readonly destination: Subnet6;
  /** Undefined: the destination is on the link itself. */
  readonly gateway: string | undefined;
  readonly linkIndex: number | undefined;
  readonly table: number;
}

export const EVERYWHERE6: Subnet6 = { base: 0n, prefixLength: 0 };

export interface RouteSpec6 {
  readonly destination: Subnet6;
  /** Undefined: the destination is on the link itself. */
  readonly gateway: string | undefined;
  /** The gateway is there, though no address of the link's says so. */
  readonly isGatewayOnLink: boolean;
  readonly linkIndex: number;
  /** The main one when absent. */
  readonly table?: number;
}

/** Replaces one to the same destination. */
export function setRoute6(route: RouteSpec6): Request {
  const { destination, gateway, linkIndex } = route;
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    payload: routePayload(route),
    purpose: `set route to ${formatSubnet6(destination)} via ${gateway ?? `link ${linkIndex}`}`,
  };
}

export function deleteRoute6(route: RouteSpec6): Request {
  return {
    type: RTM_DELROUTE,
    flags: NLM_F_ACK,
    payload: routePayload(route),
    purpose: `delete route to ${formatSubnet6(route.destination)}`,
  };
}

function routePayload({ destination, gateway, isGatewayOnLink, linkIndex, table }: RouteSpec6): Buffer {
  return Buffer.concat([
    header(destination.prefixLength, isGatewayOnLink ? RTNH_F_ONLINK : 0),
    ...(destination.prefixLength === 0 ? [] : [attribute(RTA_DST, ipv6Bytes(formatIpv6(destination.base)))]),
    ...(gateway === undefined ? [] : [attribute(RTA_GATEWAY, ipv6Bytes(gateway))]),
    u32Attribute(RTA_OIF, linkIndex),
    u32Attribute(RTA_TABLE, table ?? MAIN_TABLE),
  ]);
}

export function dumpRoutes6(): Request {
  const payload = Buffer.alloc(HEADER_BYTES);
  payload.writeUInt8(AF_INET6, 0);
  return { type: RTM_GETROUTE, flags: NLM_F_DUMP, payload, purpose: 'list IPv6 routes' };
}

/** Undefined for what isn't a unicast IPv6 route. */
export function parseRoute6({ payload }: Message): Route6 | undefined {
  if (payload.readUInt8(0) !== AF_INET6 || payload.readUInt8(7) !== RTN_UNICAST) return undefined;
  const attributes = parseAttributes(payload.subarray(HEADER_BYTES));
  const [destination, gateway] = [attributes.get(RTA_DST), attributes.get(RTA_GATEWAY)];
  const base = destination === undefined ? requireIpv6('::') : ipv6FromBytes(destination);
  return {
    destination: subnet6Of(base, payload.readUInt8(1)),
    gateway: gateway && formatIpv6(ipv6FromBytes(gateway)),
    linkIndex: readU32(attributes, RTA_OIF),
    table: readU32(attributes, RTA_TABLE) ?? payload.readUInt8(4),
  };
}

/** struct rtmsg */
function header(prefixLength: number, flags: number): Buffer {
  const buffer = Buffer.alloc(HEADER_BYTES);
  buffer.writeUInt8(AF_INET6, 0);
  buffer.writeUInt8(prefixLength, 1);
  // Attribute RTA_TABLE has more bits.
  buffer.writeUInt8(RT_TABLE_UNSPEC, 4);
  buffer.writeUInt8(RTPROT_BOOT, 5);
  buffer.writeUInt8(RT_SCOPE_UNIVERSE, 6);
  buffer.writeUInt8(RTN_UNICAST, 7);
  buffer.writeUInt32LE(flags, 8);
  return buffer;
}
