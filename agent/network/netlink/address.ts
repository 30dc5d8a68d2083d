/** rtnetlink addresses (rtnetlink(7), linux/if_addr.h). */
import { formatIpv4, ipv4Bytes } from '../subnet.ts';
import { attribute, parseAttributes, stringAttribute } from './attributes.ts';
import { type Message, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, type Request } from './message.ts';

const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;

const AF_INET = 2;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_BROADCAST = 4;
const ADDRESS_HEADER_BYTES = 8;

export interface LinkAddress {
  readonly linkIndex: number;
  readonly address: string;
  readonly prefixLength: number;
}

export interface NewAddress extends LinkAddress {
  readonly broadcast: string | undefined;
  readonly linkName: string;
}

/** Idempotent. */
export function addAddress(address: NewAddress): Request {
  const local = ipv4Bytes(address.address);
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    payload: Buffer.concat([
      addressHeader(address.linkIndex, address.prefixLength),
      attribute(IFA_LOCAL, local),
      attribute(IFA_ADDRESS, local),
      ...(address.broadcast === undefined ? [] : [attribute(IFA_BROADCAST, ipv4Bytes(address.broadcast))]),
      stringAttribute(IFA_LABEL, address.linkName),
    ]),
    purpose: `add address ${address.address}/${address.prefixLength} to ${address.linkName}`,
  };
}

export function dumpAddresses(): Request {
  return { type: RTM_GETADDR, flags: NLM_F_DUMP, payload: addressHeader(0, 0), purpose: 'list addresses' };
}

/** Undefined for a message about something other than an IPv4 address. */
export function parseAddress(message: Message): LinkAddress | undefined {
  const { payload } = message;
  const attributes = parseAttributes(payload.subarray(ADDRESS_HEADER_BYTES));
  const local = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (payload.readUInt8(0) !== AF_INET || local === undefined) return undefined;
  return {
    linkIndex: payload.readUInt32LE(4),
    address: formatIpv4(local.readUInt32BE()),
    prefixLength: payload.readUInt8(1),
  };
}

/** struct ifaddrmsg */
function addressHeader(linkIndex: number, prefixLength: number): Buffer {
  const buffer = Buffer.alloc(ADDRESS_HEADER_BYTES);
  buffer.writeUInt8(AF_INET, 0);
  buffer.writeUInt8(prefixLength, 1);
  buffer.writeUInt32LE(linkIndex, 4);
  return buffer;
}
