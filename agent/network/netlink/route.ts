/** rtnetlink routes (rtnetlink(7), linux/rtnetlink.h). */
import { formatIpv4, formatSubnet, ipv4Bytes, type Subnet, subnetOf } from '../subnet.ts';
import { attribute, parseAttributes, readU32, u32Attribute } from './attributes.ts';
import {
  type Message,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  type Request,
} from './message.ts';

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;
const RTA_TABLE = 15;
const AF_INET = 2;
const RT_TABLE_UNSPEC = 0;
export const MAIN_TABLE = 254;
const RTPROT_KERNEL = 2;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTNH_F_ONLINK = 4;
const RTN_UNICAST = 1;
const HEADER_BYTES = 12;

export interface Route {
  readonly destination: Subnet;
  /** Undefined: the destination is on the link itself. */
  readonly gateway: string | undefined;
  readonly linkIndex: number | undefined;
  readonly table: number;
}

export interface RouteSpec {
  readonly destination: Subnet;
  /** Undefined: the destination is on the link itself. */
  readonly gateway: string | undefined;
  /** The gateway is there, though no address of the link's says so. */
  readonly isGatewayOnLink: boolean;
  readonly linkIndex: number;
  /** The main one when absent. */
  readonly table?: number;
}

export const EVERYWHERE: Subnet = { base: 0, prefixLength: 0 };

/** Replaces one to the same destination. */
export function setRoute(spec: RouteSpec): Request {
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    payload: routePayload(spec),
    purpose: `set route to ${formatSubnet(spec.destination)} via ${spec.gateway ?? `link ${spec.linkIndex}`}`,
  };
}

/** The one that the kernel makes along with an address, in the same words: it goes with the address. EEXIST when it is there. */
export function connectedRoute(route: {
  readonly destination: Subnet;
  /** The address. */
  readonly source: string;
  readonly linkIndex: number;
}): Request {
  const { destination, source, linkIndex } = route;
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      header({ prefixLength: destination.prefixLength, scope: RT_SCOPE_LINK, flags: 0, protocol: RTPROT_KERNEL }),
      attribute(RTA_DST, ipv4Bytes(formatIpv4(destination.base))),
      attribute(RTA_PREFSRC, ipv4Bytes(source)),
      u32Attribute(RTA_OIF, linkIndex),
      u32Attribute(RTA_TABLE, MAIN_TABLE),
    ]),
    purpose: `set route to ${formatSubnet(destination)} of link ${linkIndex}`,
  };
}

export function deleteRoute(spec: RouteSpec): Request {
  return {
    type: RTM_DELROUTE,
    flags: NLM_F_ACK,
    payload: routePayload(spec),
    purpose: `delete route to ${formatSubnet(spec.destination)}`,
  };
}

function routePayload({ destination, gateway, isGatewayOnLink, linkIndex, table }: RouteSpec): Buffer {
  return Buffer.concat([
    header({
      prefixLength: destination.prefixLength,
      scope: gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
      flags: isGatewayOnLink ? RTNH_F_ONLINK : 0,
      protocol: RTPROT_BOOT,
    }),
    ...(destination.prefixLength === 0 ? [] : [attribute(RTA_DST, ipv4Bytes(formatIpv4(destination.base)))]),
    ...(gateway === undefined ? [] : [attribute(RTA_GATEWAY, ipv4Bytes(gateway))]),
    u32Attribute(RTA_OIF, linkIndex),
    u32Attribute(RTA_TABLE, table ?? MAIN_TABLE),
  ]);
}

export function dumpRoutes(): Request {
  return {
    type: RTM_GETROUTE,
    flags: NLM_F_DUMP,
    payload: Buffer.alloc(HEADER_BYTES, AF_INET).fill(0, 1),
    purpose: 'list routes',
  };
}

/** Undefined for what isn't a unicast IPv4 route. */
export function parseRoute(message: Message): Route | undefined {
  const { payload } = message;
  const attributes = parseAttributes(payload.subarray(HEADER_BYTES));
  const table = readU32(attributes, RTA_TABLE) ?? payload.readUInt8(4);
  if (payload.readUInt8(0) !== AF_INET || payload.readUInt8(7) !== RTN_UNICAST) return undefined;
  const gateway = attributes.get(RTA_GATEWAY);
  return {
    destination: subnetOf(attributes.get(RTA_DST)?.readUInt32BE() ?? 0, payload.readUInt8(1)),
    gateway: gateway === undefined ? undefined : formatIpv4(gateway.readUInt32BE()),
    linkIndex: readU32(attributes, RTA_OIF),
    table,
  };
}

/** struct rtmsg */
function header(route: {
  readonly prefixLength: number;
  readonly scope: number;
  readonly flags: number;
  readonly protocol: number;
}): Buffer {
  const buffer = Buffer.alloc(HEADER_BYTES);
  buffer.writeUInt8(AF_INET, 0);
  buffer.writeUInt8(route.prefixLength, 1);
  // Attribute RTA_TABLE has more bits.
  buffer.writeUInt8(RT_TABLE_UNSPEC, 4);
  buffer.writeUInt8(route.protocol, 5);
  buffer.writeUInt8(route.scope, 6);
  buffer.writeUInt8(RTN_UNICAST, 7);
  buffer.writeUInt32LE(route.flags, 8);
  return buffer;
}
