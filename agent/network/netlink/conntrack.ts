/** ctnetlink: reading and deleting tracked connections (linux/netfilter/nfnetlink_conntrack.h). */
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
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const AF_INET = 2;
const HEADER_BYTES = 4;

export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;

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
  return { type: IPCTNL_MSG_CT_GET, flags: NLM_F_DUMP, payload: header(), purpose: 'list connections' };
}

/** Undefined for protocols without ports and for IPv6. */
export function parseFlow(message: Message): Flow | undefined {
  const attributes = parseAttributes(message.payload.subarray(HEADER_BYTES));
  const original = parseTuple(readNested(attributes, CTA_TUPLE_ORIG));
  const reply = parseTuple(readNested(attributes, CTA_TUPLE_REPLY));
  return original === undefined || reply === undefined ? undefined : { original, reply };
}

function parseTuple(attributes: Attributes): Tuple | undefined {
  const ip = readNested(attributes, CTA_TUPLE_IP);
  const proto = readNested(attributes, CTA_TUPLE_PROTO);
  const source = ip.get(CTA_IP_V4_SRC);
  const destination = ip.get(CTA_IP_V4_DST);
  const protocol = proto.get(CTA_PROTO_NUM);
  const sourcePort = proto.get(CTA_PROTO_SRC_PORT);
  const destinationPort = proto.get(CTA_PROTO_DST_PORT);
  if (!source || !destination || !protocol || !sourcePort || !destinationPort) return undefined;
  return {
    protocol: protocol.readUInt8(),
    source: formatIpv4(source.readUInt32BE()),
    sourcePort: sourcePort.readUInt16BE(),
    destination: formatIpv4(destination.readUInt32BE()),
    destinationPort: destinationPort.readUInt16BE(),
  };
}

export function deleteFlow(flow: Flow): Request {
  const { protocol, source, sourcePort, destination, destinationPort } = flow.original;
  const tuple = nested(
    CTA_TUPLE_ORIG,
    nested(CTA_TUPLE_IP, attribute(CTA_IP_V4_SRC, ipv4Bytes(source)), attribute(CTA_IP_V4_DST, ipv4Bytes(destination))),
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
    payload: Buffer.concat([header(), tuple]),
    purpose: `delete connection from ${source}:${sourcePort} to ${destination}:${destinationPort}`,
  };
}

/** struct nfgenmsg */
function header(): Buffer {
  return Buffer.of(AF_INET, 0, 0, 0);
}

/** Ports and addresses are in network byte order, unlike the rest. */
function portBytes(port: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(port);
  return buffer;
}
