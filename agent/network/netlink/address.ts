/** rtnetlink addresses (rtnetlink(7), linux/if_addr.h). */
import { formatIpv6, ipv6Bytes, ipv6FromBytes } from '../../../proto/ipv6/subnet6.ts';
import { formatIpv4, ipv4Bytes } from '../subnet.ts';
import { attribute, parseAttributes, stringAttribute, u32Attribute } from './attributes.ts';
import { type Message, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, type Request } from './message.ts';

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

const AF_INET = 2;
const AF_INET6 = 10;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
/** Used at once, without asking whether somebody else has it (RFC 4862, 5.4). */
const IFA_F_NODAD = 0x02;
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
      addressHeader(AF_INET, address.linkIndex, address.prefixLength),
      attribute(IFA_LOCAL, local),
      attribute(IFA_ADDRESS, local),
      ...(address.broadcast === undefined ? [] : [attribute(IFA_BROADCAST, ipv4Bytes(address.broadcast))]),
      stringAttribute(IFA_LABEL, address.linkName),
    ]),
    purpose: `add address ${address.address}/${address.prefixLength} to ${address.linkName}`,
  };
}

/** Of IPv6. Idempotent. */
export function addAddress6(address: LinkAddress & { readonly linkName: string }): Request {
  const local = ipv6Bytes(address.address);
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    payload: Buffer.concat([
      addressHeader(AF_INET6, address.linkIndex, address.prefixLength),
      attribute(IFA_LOCAL, local),
      attribute(IFA_ADDRESS, local),
      u32Attribute(IFA_FLAGS, IFA_F_NODAD),
    ]),
    purpose: `add address ${address.address}/${address.prefixLength} to ${address.linkName}`,
  };
}

export function dumpAddresses(): Request {
  return { type: RTM_GETADDR, flags: NLM_F_DUMP, payload: addressHeader(AF_INET, 0, 0), purpose: 'list addresses' };
}

export function dumpAddresses6(): Request {
  const payload = addressHeader(AF_INET6, 0, 0);
  return { type: RTM_GETADDR, flags: NLM_F_DUMP, payload, purpose: 'list IPv6 addresses' };
}

/** Of either dump, or of news. Undefined for a message about something other than an IP address. */
export function parseAddress(message: Message): LinkAddress | undefined {
  const { payload } = message;
  const attributes = parseAttributes(payload.subarray(ADDRESS_HEADER_BYTES));
  const local = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  const family = payload.readUInt8(0);
  if ((family !== AF_INET && family !== AF_INET6) || local === undefined) return undefined;
  return {
    linkIndex: payload.readUInt32LE(4),
    address: family === AF_INET ? formatIpv4(local.readUInt32BE()) : formatIpv6(ipv6FromBytes(local)),
    prefixLength: payload.readUInt8(1),
  };
}

/** struct ifaddrmsg */
function addressHeader(family: number, linkIndex: number, prefixLength: number): Buffer {
  const buffer = Buffer.alloc(ADDRESS_HEADER_BYTES);
  buffer.writeUInt8(family, 0);
  buffer.writeUInt8(prefixLength, 1);
  buffer.writeUInt32LE(linkIndex, 4);
  return buffer;
}
