/** rtnetlink addresses and neighbours (rtnetlink(7), linux/if_addr.h, linux/neighbour.h). */
import { formatIpv4, ipv4Bytes } from '../subnet.ts';
import { attribute, parseAttributes, stringAttribute } from './attributes.ts';
import { macBytes } from './link.ts';
import { type Message, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, type Request } from './message.ts';

const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWNEIGH = 28;

const AF_INET = 2;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_BROADCAST = 4;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_PERMANENT = 0x80;
const ADDRESS_HEADER_BYTES = 8;
const NEIGHBOUR_HEADER_BYTES = 12;

export interface LinkAddress {
  readonly linkIndex: number;
  readonly address: string;
  readonly prefixLength: number;
}

/** The address with its broadcast address; idempotent. */
export function addAddress(address: LinkAddress & { readonly broadcast: string; readonly linkName: string }): Request {
  const local = ipv4Bytes(address.address);
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    payload: Buffer.concat([
      addressHeader(address.linkIndex, address.prefixLength),
      attribute(IFA_LOCAL, local),
      attribute(IFA_ADDRESS, local),
      attribute(IFA_BROADCAST, ipv4Bytes(address.broadcast)),
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

/** A neighbour that is never asked for by ARP; idempotent. */
export function setNeighbour(linkIndex: number, address: string, mac: string): Request {
  const header = Buffer.alloc(NEIGHBOUR_HEADER_BYTES);
  header.writeUInt8(AF_INET, 0);
  header.writeInt32LE(linkIndex, 4);
  header.writeUInt16LE(NUD_PERMANENT, 8);
  return {
    type: RTM_NEWNEIGH,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    payload: Buffer.concat([header, attribute(NDA_DST, ipv4Bytes(address)), attribute(NDA_LLADDR, macBytes(mac))]),
    purpose: `set neighbour ${address} of link ${linkIndex}`,
  };
}
