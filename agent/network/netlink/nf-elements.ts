/** Elements of nf_tables sets, and rules with a set of their own, over netlink (linux/netfilter/nf_tables.h). */
import { addressBytes } from '../ipv6/address-bytes.ts';
import { attribute, nested, stringAttribute } from './attributes.ts';
import { NLM_F_CREATE, type Request } from './message.ts';
import {
  addRule,
  be32Attribute,
  data,
  expression,
  isProtocol,
  loadDestination,
  loadImmediate,
  NFTA_LIST_ELEM,
  REGISTER_1,
  type Table,
  type TableFamily,
  tableMessage,
  translateDestination,
} from './nf-batch.ts';

const NFT_MSG_NEWSET = 9;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;

const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_KEY_LEN = 5;
const NFTA_SET_DATA_TYPE = 6;
const NFTA_SET_DATA_LEN = 7;
const NFTA_SET_ID = 10;
const NFTA_SET_USERDATA = 13;
const NFT_SET_ANONYMOUS = 1;
const NFT_SET_CONSTANT = 2;
const NFT_SET_MAP = 8;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_LIST_SET_ID = 4;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFT_NG_INCREMENTAL = 0;
const NFT_DYNSET_OP_ADD = 0;

/** As nft(8) numbers types of data, which the kernel keeps for it. */
const TYPE_INTEGER = 4;
const ADDRESS_TYPES: Readonly<Record<TableFamily, { readonly type: number; readonly length: number }>> = {
  ip: { type: 7, length: 4 },
  ip6: { type: 8, length: 16 },
};
/** How nft(8) is to read a set: of numbers in this host's byte order, to addresses in the network's. */
const BYTE_ORDERS = Buffer.of(0, 4, 1, 0, 0, 0, 1, 4, 2, 0, 0, 0);

/** The kernel puts a number in place of the last two characters. */
const UNNAMED_MAP = '__map%d';
/** An attribute is of 64 KiB at most (netlink(7)). */
const ELEMENTS_PER_MESSAGE = 1000;

export interface NamedSet {
  readonly table: Table;
  readonly set: string;
}

/** Keys as the kernel compares them. */
export function addElements(set: NamedSet, keys: readonly Buffer[]): Request[] {
  return elementMessages(set.table, NFT_MSG_NEWSETELEM, NLM_F_CREATE, listOf(set), keys.map(keyElement));
}

/** ENOENT fails the transaction when one isn't there. */
export function deleteElements(set: NamedSet, keys: readonly Buffer[]): Request[] {
  return elementMessages(set.table, NFT_MSG_DELSETELEM, 0, listOf(set), keys.map(keyElement));
}

/** Whoever a packet of this protocol goes to is added to the set, which must be dynamic: NFTA_DYNSET_SET_NAME, _OP, _SREG_KEY */
export function rememberDestination(family: TableFamily, protocol: number, set: string): Buffer[] {
  return [
    ...isProtocol(protocol),
    loadDestination(family),
    expression('dynset', stringAttribute(1, set), be32Attribute(3, NFT_DYNSET_OP_ADD), be32Attribute(4, REGISTER_1)),
  ];
}

/**
 * A rule that sends new connections to the addresses in turn: `dnat ip to numgen inc mod N map { 0 : ADDRESS, ... }`. `id`: of its own
 * among all such rules of a transaction. There must be an address.
 */
export function addDestinations(table: Table, chain: string, addresses: readonly string[], id: number): Request[] {
  const [only, ...others] = addresses;
  if (only !== undefined && others.length === 0) {
    return [addRule(table, chain, [loadImmediate(REGISTER_1, addressBytes(only)), translateDestination(table.family)])];
  }
  const list = [
    stringAttribute(NFTA_SET_ELEM_LIST_TABLE, table.name),
    stringAttribute(NFTA_SET_ELEM_LIST_SET, UNNAMED_MAP),
    be32Attribute(NFTA_SET_ELEM_LIST_SET_ID, id),
  ];
  return [
    unnamedMap(table, id),
    ...elementMessages(table, NFT_MSG_NEWSETELEM, NLM_F_CREATE, list, addresses.map(mapElement)),
    addRule(table, chain, [inTurn(addresses.length), lookUp(id), translateDestination(table.family)]),
  ];
}

function unnamedMap(table: Table, id: number): Request {
  const { type, length } = ADDRESS_TYPES[table.family];
  return tableMessage(table, NFT_MSG_NEWSET, NLM_F_CREATE, [
    stringAttribute(NFTA_SET_TABLE, table.name),
    stringAttribute(NFTA_SET_NAME, UNNAMED_MAP),
    be32Attribute(NFTA_SET_FLAGS, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_MAP),
    be32Attribute(NFTA_SET_KEY_TYPE, TYPE_INTEGER),
    be32Attribute(NFTA_SET_KEY_LEN, 4),
    be32Attribute(NFTA_SET_DATA_TYPE, type),
    be32Attribute(NFTA_SET_DATA_LEN, length),
    be32Attribute(NFTA_SET_ID, id),
    attribute(NFTA_SET_USERDATA, BYTE_ORDERS),
  ]);
}

/** NFTA_NG_DREG, _MODULUS, _TYPE */
function inTurn(modulus: number): Buffer {
  return expression(
    'numgen',
    be32Attribute(1, REGISTER_1),
    be32Attribute(2, modulus),
    be32Attribute(3, NFT_NG_INCREMENTAL),
  );
}

/** NFTA_LOOKUP_SET, _SREG, _DREG, _SET_ID */
function lookUp(id: number): Buffer {
  return expression(
    'lookup',
    stringAttribute(1, UNNAMED_MAP),
    be32Attribute(2, REGISTER_1),
    be32Attribute(3, REGISTER_1),
    be32Attribute(4, id),
  );
}

function listOf({ table, set }: NamedSet): Buffer[] {
  return [stringAttribute(NFTA_SET_ELEM_LIST_TABLE, table.name), stringAttribute(NFTA_SET_ELEM_LIST_SET, set)];
}

function elementMessages(
  table: Table,
  message: number,
  flags: number,
  list: readonly Buffer[],
  elements: readonly Buffer[],
): Request[] {
  const messages: Request[] = [];
  for (let first = 0; first < elements.length; first += ELEMENTS_PER_MESSAGE) {
    const some = elements.slice(first, first + ELEMENTS_PER_MESSAGE);
    messages.push(tableMessage(table, message, flags, [...list, nested(NFTA_SET_ELEM_LIST_ELEMENTS, ...some)]));
  }
  return messages;
}

function keyElement(key: Buffer): Buffer {
  return nested(NFTA_LIST_ELEM, data(NFTA_SET_ELEM_KEY, key));
}

/** numgen counts in this host's byte order. */
function mapElement(address: string, index: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  return nested(NFTA_LIST_ELEM, data(NFTA_SET_ELEM_KEY, key), data(NFTA_SET_ELEM_DATA, addressBytes(address)));
}
