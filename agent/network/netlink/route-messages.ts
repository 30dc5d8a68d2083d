/** rtnetlink routes of either family (rtnetlink(7), linux/rtnetlink.h); route.ts and route6.ts say what each writes differently. */
import { attribute, parseAttributes, readU32, u32Attribute } from './attributes.ts';
import { type Message, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, type Request } from './message.ts';

export const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
export const RTA_DST = 1;
export const RTA_OIF = 4;
const RTA_GATEWAY = 5;
export const RTA_TABLE = 15;
const RT_TABLE_UNSPEC = 0;
export const MAIN_TABLE = 254;
const RTPROT_BOOT = 3;
export const RT_SCOPE_UNIVERSE = 0;
const RTNH_F_ONLINK = 4;
const RTN_UNICAST = 1;
const HEADER_BYTES = 12;

interface Prefix {
  readonly prefixLength: number;
}

export interface RouteTo<Destination> {
  readonly destination: Destination;
  /** Undefined: the destination is on the link itself. */
  readonly gateway: string | undefined;
  readonly linkIndex: number | undefined;
  readonly table: number;
}

export interface RouteSpecTo<Destination> {
  readonly destination: Destination;
  /** Undefined: the destination is on the link itself. */
  readonly gateway: string | undefined;
  /** The gateway is there, though no address of the link's says so. */
  readonly isGatewayOnLink: boolean;
  readonly linkIndex: number;
  /** The main one when absent. */
  readonly table?: number;
}

/** How addresses are written. Bytes are in network byte order. */
export interface RouteFamily<Destination extends Prefix> {
  /** AF_INET or AF_INET6 */
  readonly number: number;
  /** What its routes are called. */
  readonly routes: string;
  /** Of what is on the link itself. */
  readonly linkScope: number;
  readonly firstOf: (destination: Destination) => Buffer;
  readonly format: (destination: Destination) => string;
  /** `first`: undefined where all addresses are meant. */
  readonly destination: (first: Buffer | undefined, prefixLength: number) => Destination;
  readonly bytes: (address: string) => Buffer;
  readonly address: (bytes: Buffer) => string;
}

/** Replaces one to the same destination. */
export function setRouteOf<D extends Prefix>(family: RouteFamily<D>, spec: RouteSpecTo<D>): Request {
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    payload: routePayload(family, spec),
    purpose: `set route to ${family.format(spec.destination)} via ${spec.gateway ?? `link ${spec.linkIndex}`}`,
  };
}

export function deleteRouteOf<D extends Prefix>(family: RouteFamily<D>, spec: RouteSpecTo<D>): Request {
  return {
    type: RTM_DELROUTE,
    flags: NLM_F_ACK,
    payload: routePayload(family, spec),
    purpose: `delete route to ${family.format(spec.destination)}`,
  };
}

function routePayload<D extends Prefix>(
  { number, linkScope, firstOf, bytes }: RouteFamily<D>,
  { destination, gateway, isGatewayOnLink, linkIndex, table }: RouteSpecTo<D>,
): Buffer {
  const { prefixLength } = destination;
  const scope = gateway === undefined ? linkScope : RT_SCOPE_UNIVERSE;
  const flags = isGatewayOnLink ? RTNH_F_ONLINK : 0;
  return Buffer.concat([
    routeHeader({ family: number, prefixLength, scope, flags, protocol: RTPROT_BOOT }),
    ...(prefixLength === 0 ? [] : [attribute(RTA_DST, firstOf(destination))]),
    ...(gateway === undefined ? [] : [attribute(RTA_GATEWAY, bytes(gateway))]),
    u32Attribute(RTA_OIF, linkIndex),
    u32Attribute(RTA_TABLE, table ?? MAIN_TABLE),
  ]);
}

export function dumpRoutesOf({ number, routes }: Pick<RouteFamily<Prefix>, 'number' | 'routes'>): Request {
  const payload = Buffer.alloc(HEADER_BYTES);
  payload.writeUInt8(number, 0);
  return { type: RTM_GETROUTE, flags: NLM_F_DUMP, payload, purpose: `list ${routes}` };
}

/** Undefined for what isn't a unicast route of the family. */
export function parseRouteOf<D extends Prefix>(family: RouteFamily<D>, { payload }: Message): RouteTo<D> | undefined {
  if (payload.readUInt8(0) !== family.number || payload.readUInt8(7) !== RTN_UNICAST) return undefined;
  const attributes = parseAttributes(payload.subarray(HEADER_BYTES));
  const gateway = attributes.get(RTA_GATEWAY);
  return {
    destination: family.destination(attributes.get(RTA_DST), payload.readUInt8(1)),
    gateway: gateway && family.address(gateway),
    linkIndex: readU32(attributes, RTA_OIF),
    table: readU32(attributes, RTA_TABLE) ?? payload.readUInt8(4),
  };
}

/** struct rtmsg */
export function routeHeader(route: {
  readonly family: number;
  readonly prefixLength: number;
  readonly scope: number;
  readonly flags: number;
  readonly protocol: number;
}): Buffer {
  const buffer = Buffer.alloc(HEADER_BYTES);
  buffer.writeUInt8(route.family, 0);
  buffer.writeUInt8(route.prefixLength, 1);
  // Attribute RTA_TABLE has more bits.
  buffer.writeUInt8(RT_TABLE_UNSPEC, 4);
  buffer.writeUInt8(route.protocol, 5);
  buffer.writeUInt8(route.scope, 6);
  buffer.writeUInt8(RTN_UNICAST, 7);
  buffer.writeUInt32LE(route.flags, 8);
  return buffer;
}
