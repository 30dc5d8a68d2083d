/** ctnetlink: reading and deleting tracked connections (linux/netfilter/nfnetlink_conntrack.h). */
import { formatIpv6, ipv6Bytes, ipv6FromBytes } from '../../../proto/ipv6/subnet6.ts';
import { formatIpv4, ipv4Bytes } from '../subnet.ts';
import { type Attributes, attribute, nested, parseAttributes, readNested, u8Attribute } from './attributes.ts';
import { type Message, NLM_F_ACK, NLM_F_DUMP, type Request } from './message.ts';

const NFNL_SUBSYS_CTNETLINK = 1 << 8;
const IPCTNL_MSG_CT_GET = NFNL_SUBSYS_CTNETLINK | 1;
const IPCTNL_MSG_CT_DELETE = NFNL_SUBSYS_CTNETLINK | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const AF_INET = 2;
const AF_INET6 = 10;
const HEADER_BYTES = 4;

export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_SCTP = 132;

export interface Tuple {
  readonly protocol: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/** A connection: as its first packet was sent, and as an answer looks. They differ where addresses are rewritten. */
export interface Flow {
  readonly original: Tuple;
  readonly reply: Tuple;
}

export function dumpFlows(): Request {
  return { type: IPCTNL_MSG_CT_GET, flags: NLM_F_DUMP, payload: header(AF_INET), purpose: 'list connections' };
}

export function dumpFlows6(): Request {
  return { type: IPCTNL_MSG_CT_GET, flags: NLM_F_DUMP, payload: header(AF_INET6), purpose: 'list IPv6 connections' };
}

/** Undefined for protocols without ports. */
export function parseFlow(message: Message): Flow | undefined {
  const attributes = parseAttributes(message.payload.subarray(HEADER_BYTES));
  const original = parseTuple(readNested(attributes, CTA_TUPLE_ORIG));
  const reply = parseTuple(readNested(attributes, CTA_TUPLE_REPLY));
  return original === undefined || reply === undefined ? undefined : { original, reply };
}

function parseTuple(attributes: Attributes): Tuple | undefined {
  const ip = readNested(attributes, CTA_TUPLE_IP);
  const proto = readNested(attributes, CTA_TUPLE_PROTO);
  const source = readAddress(ip, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
  const destination = readAddress(ip, CTA_IP_V4_DST, CTA_IP_V6_DST);
  const protocol = proto.get(CTA_PROTO_NUM);
  const sourcePort = proto.get(CTA_PROTO_SRC_PORT);
  const destinationPort = proto.get(CTA_PROTO_DST_PORT);
  if (!source || !destination || !protocol || !sourcePort || !destinationPort) return undefined;
  return {
    protocol: protocol.readUInt8(),
    source,
    sourcePort: sourcePort.readUInt16BE(),
    destination,
    destinationPort: destinationPort.readUInt16BE(),
  };
}

function readAddress(ip: Attributes, type: number, type6: number): string | undefined {
  const [v4, v6] = [ip.get(type), ip.get(type6)];
  if (v4 !== undefined) return formatIpv4(v4.readUInt32BE());
  return v6 && formatIpv6(ipv6FromBytes(v6));
}

export function deleteFlow(flow: Flow): Request {
  const { protocol, source, sourcePort, destination, destinationPort } = flow.original;
  const isIpv6 = source.includes(':');
  const addresses = isIpv6
    ? [attribute(CTA_IP_V6_SRC, ipv6Bytes(source)), attribute(CTA_IP_V6_DST, ipv6Bytes(destination))]
    : [attribute(CTA_IP_V4_SRC, ipv4Bytes(source)), attribute(CTA_IP_V4_DST, ipv4Bytes(destination))];
  const tuple = nested(
    CTA_TUPLE_ORIG,
    nested(CTA_TUPLE_IP, ...addresses),
    nested(
      CTA_TUPLE_PROTO,
      u8Attribute(CTA_PROTO_NUM, protocol),
      attribute(CTA_PROTO_SRC_PORT, portBytes(sourcePort)),
      attribute(CTA_PROTO_DST_PORT, portBytes(destinationPort)),
    ),
  );
  return {
    type: IPCTNL_MSG_CT_DELETE,
    flags: NLM_F_ACK,
    payload: Buffer.concat([header(isIpv6 ? AF_INET6 : AF_INET), tuple]),
    purpose: `delete connection from ${source}:${sourcePort} to ${destination}:${destinationPort}`,
  };
}

/** struct nfgenmsg */
function header(family: number): Buffer {
  return Buffer.of(family, 0, 0, 0);
}

/** Ports and addresses are in network byte order, unlike the rest. */
function portBytes(port: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(port);
  return buffer;
}
