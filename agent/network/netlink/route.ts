/** rtnetlink routes (rtnetlink(7), linux/rtnetlink.h). */
import { formatIpv4, ipv4Bytes, type Subnet, subnetOf } from '../subnet.ts';
import { attribute, parseAttributes, readU32, u32Attribute } from './attributes.ts';
import { type Message, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, type Request } from './message.ts';

const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_TABLE = 15;
const AF_INET = 2;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RTN_UNICAST = 1;
const HEADER_BYTES = 12;

export interface Route {
  readonly destination: Subnet;
  /** Undefined: the destination is on the link itself. */
  readonly gateway: string | undefined;
  readonly linkIndex: number | undefined;
}

/** The default route; replaces one that is there. */
export function setDefaultRoute(gateway: string, linkIndex: number): Request {
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    payload: Buffer.concat([
      header(RT_TABLE_MAIN, RTPROT_BOOT, RTN_UNICAST),
      attribute(RTA_GATEWAY, ipv4Bytes(gateway)),
      u32Attribute(RTA_OIF, linkIndex),
    ]),
    purpose: `set default route via ${gateway}`,
  };
}

export function dumpRoutes(): Request {
  return { type: RTM_GETROUTE, flags: NLM_F_DUMP, payload: header(0, 0, 0), purpose: 'list routes' };
}

/** Undefined for what isn't a unicast IPv4 route of the main table. */
export function parseRoute(message: Message): Route | undefined {
  const { payload } = message;
  const attributes = parseAttributes(payload.subarray(HEADER_BYTES));
  const table = readU32(attributes, RTA_TABLE) ?? payload.readUInt8(4);
  if (payload.readUInt8(0) !== AF_INET || table !== RT_TABLE_MAIN || payload.readUInt8(7) !== RTN_UNICAST) {
    return undefined;
  }
  const gateway = attributes.get(RTA_GATEWAY);
  return {
    destination: subnetOf(attributes.get(RTA_DST)?.readUInt32BE() ?? 0, payload.readUInt8(1)),
    gateway: gateway === undefined ? undefined : formatIpv4(gateway.readUInt32BE()),
    linkIndex: readU32(attributes, RTA_OIF),
  };
}

/** struct rtmsg */
function header(table: number, protocol: number, type: number): Buffer {
  const buffer = Buffer.alloc(HEADER_BYTES);
  buffer.writeUInt8(AF_INET, 0);
  buffer.writeUInt8(table, 4);
  buffer.writeUInt8(protocol, 5);
  buffer.writeUInt8(RT_SCOPE_UNIVERSE, 6);
  buffer.writeUInt8(type, 7);
  return buffer;
}
