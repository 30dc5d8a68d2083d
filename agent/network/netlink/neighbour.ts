/**
 * rtnetlink neighbours: which MAC address an address has on a link, and which host a VXLAN sends a MAC address to, its
 * forwarding database (rtnetlink(7), linux/neighbour.h).
 */
import { addressBytes, addressFromBytes } from '../ipv6/address-bytes.ts';
import { attribute, parseAttributes } from './attributes.ts';
import { formatMac, macBytes } from './link.ts';
import { type Message, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, type Request } from './message.ts';

const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;

const AF_INET = 2;
const AF_BRIDGE = 7;
const AF_INET6 = 10;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;
const NTF_SELF = 0x02;
const HEADER_BYTES = 12;

type Family = typeof AF_INET | typeof AF_INET6 | typeof AF_BRIDGE;

/** An address on a link and its MAC address; or, of a VXLAN, a MAC address and the host that has it. */
export interface Neighbour {
  readonly linkIndex: number;
  readonly address: string;
  readonly mac: string;
}

/** One that is never asked for by ARP, or of IPv6 by neighbour discovery; replaces what the address had. */
export function setNeighbour(neighbour: Neighbour): Request {
  return change(
    RTM_NEWNEIGH,
    familyOf(neighbour),
    neighbour,
    `set neighbour ${neighbour.address} of link ${neighbour.linkIndex}`,
  );
}

export function deleteNeighbour(neighbour: Neighbour): Request {
  return change(
    RTM_DELNEIGH,
    familyOf(neighbour),
    neighbour,
    `delete neighbour ${neighbour.address} of link ${neighbour.linkIndex}`,
  );
}

/** Replaces where the MAC address was. */
export function setForwarding(entry: Neighbour): Request {
  return change(RTM_NEWNEIGH, AF_BRIDGE, entry, `set where ${entry.mac} of link ${entry.linkIndex} is`);
}

export function deleteForwarding(entry: Neighbour): Request {
  return change(RTM_DELNEIGH, AF_BRIDGE, entry, `delete where ${entry.mac} of link ${entry.linkIndex} is`);
}

export function dumpNeighbours(): Request {
  return { type: RTM_GETNEIGH, flags: NLM_F_DUMP, payload: header(AF_INET, 0), purpose: 'list neighbours' };
}

export function dumpNeighbours6(): Request {
  return { type: RTM_GETNEIGH, flags: NLM_F_DUMP, payload: header(AF_INET6, 0), purpose: 'list IPv6 neighbours' };
}

export function dumpForwarding(): Request {
  return { type: RTM_GETNEIGH, flags: NLM_F_DUMP, payload: header(AF_BRIDGE, 0), purpose: 'list forwarding entries' };
}

/** Of any dump; undefined for one without an IP address, or that nobody has said for ever. */
export function parseNeighbour(message: Message): Neighbour | undefined {
  const { payload } = message;
  const attributes = parseAttributes(payload.subarray(HEADER_BYTES));
  const [address, mac] = [attributes.get(NDA_DST), attributes.get(NDA_LLADDR)];
  const isPermanent = (payload.readUInt16LE(8) & NUD_PERMANENT) !== 0;
  if (!isPermanent || address === undefined || mac === undefined) return undefined;
  return { linkIndex: payload.readInt32LE(4), address: addressFromBytes(address), mac: formatMac(mac) };
}

function familyOf({ address }: Neighbour): typeof AF_INET | typeof AF_INET6 {
  return address.includes(':') ? AF_INET6 : AF_INET;
}

function change(type: number, family: Family, { linkIndex, address, mac }: Neighbour, purpose: string): Request {
  const isNew = type === RTM_NEWNEIGH;
  return {
    type,
    flags: isNew ? NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE : NLM_F_ACK,
    payload: Buffer.concat([
      header(family, linkIndex),
      attribute(NDA_DST, addressBytes(address)),
      attribute(NDA_LLADDR, macBytes(mac)),
    ]),
    purpose,
  };
}

/** struct ndmsg */
function header(family: Family, linkIndex: number): Buffer {
  const buffer = Buffer.alloc(HEADER_BYTES);
  buffer.writeUInt8(family, 0);
  buffer.writeInt32LE(linkIndex, 4);
  buffer.writeUInt16LE(family === AF_BRIDGE ? NUD_PERMANENT | NUD_NOARP : NUD_PERMANENT, 8);
  buffer.writeUInt8(family === AF_BRIDGE ? NTF_SELF : 0, 10);
  return buffer;
}
