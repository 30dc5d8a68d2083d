/**
 * rtnetlink neighbour tables: how much the kernel keeps of what it learns by ARP and neighbour discovery. There is one table of
 * each kind for all network namespaces; each can read its limits, and the initial one alone set them (linux/neighbour.h).
 */
import { parseAttributes, readString, readU32, stringAttribute, u32Attribute } from './attributes.ts';
import { type Message, NLM_F_ACK, NLM_F_DUMP, type Request } from './message.ts';

const RTM_GETNEIGHTBL = 66;
const RTM_SETNEIGHTBL = 67;

const NDTA_NAME = 1;
const NDTA_THRESH2 = 3;
const NDTA_THRESH3 = 4;
/** struct ndtmsg: the family, and padding. */
const HEADER_BYTES = 4;

export interface NeighbourTable {
  /** "arp_cache" of IPv4, "ndisc_cache" of IPv6 */
  readonly name: string;
  /** gc_thresh2: entries that may be there for more than 5 s. */
  readonly soft: number;
  /** gc_thresh3: entries that there may be at all. */
  readonly hard: number;
}

export function dumpNeighbourTables(): Request {
  const payload = Buffer.alloc(HEADER_BYTES);
  return { type: RTM_GETNEIGHTBL, flags: NLM_F_DUMP, payload, purpose: 'list neighbour tables' };
}

/** ENOENT: this isn't the initial network namespace. */
export function setNeighbourTable({ name, soft, hard }: NeighbourTable): Request {
  return {
    type: RTM_SETNEIGHTBL,
    flags: NLM_F_ACK,
    payload: Buffer.concat([
      Buffer.alloc(HEADER_BYTES),
      stringAttribute(NDTA_NAME, name),
      u32Attribute(NDTA_THRESH2, soft),
      u32Attribute(NDTA_THRESH3, hard),
    ]),
    purpose: `set limits of neighbour table ${name}`,
  };
}

/** Undefined for what a dump says of single links. */
export function parseNeighbourTable({ payload }: Message): NeighbourTable | undefined {
  const attributes = parseAttributes(payload.subarray(HEADER_BYTES));
  const name = attributes.get(NDTA_NAME);
  const [soft, hard] = [readU32(attributes, NDTA_THRESH2), readU32(attributes, NDTA_THRESH3)];
  return name === undefined || soft === undefined || hard === undefined
    ? undefined
    : { name: readString(name), soft, hard };
}
