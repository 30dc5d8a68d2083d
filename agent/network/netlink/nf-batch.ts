/**
 * nf_tables over netlink: what its transactions are made of (linux/netfilter/nf_tables.h). Numbers in its attributes are in network
 * byte order.
 */
import { attribute, nested, stringAttribute } from './attributes.ts';
import { NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, type Request } from './message.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_DELRULE = 8;

export const NFTA_LIST_ELEM = 1;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFT_CMP_EQ = 0;
const NFT_NAT_DNAT = 1;
const NFT_META_L4PROTO = 16;
const NETWORK_HEADER = 1;
/** Where a header says where its packet goes. */
const DESTINATION: Readonly<Record<TableFamily, { readonly offset: number; readonly length: number }>> = {
  ip: { offset: 16, length: 4 },
  ip6: { offset: 24, length: 16 },
};

const AF_UNSPEC = 0;
const AF_INET = 2;
const AF_INET6 = 10;

const FAMILIES: Readonly<Record<TableFamily, number>> = { ip: AF_INET, ip6: AF_INET6 };

export const REGISTER_1 = 1;
export const REGISTER_2 = 2;

export type TableFamily = 'ip' | 'ip6';

export interface Table {
  readonly family: TableFamily;
  readonly name: string;
}

/** All of it or nothing. */
export function transaction(messages: readonly Request[]): Request[] {
  return [batchMark(NFNL_MSG_BATCH_BEGIN), ...messages, batchMark(NFNL_MSG_BATCH_END)];
}

/** About a table, which the attributes name. */
export function tableMessage(
  { family }: Pick<Table, 'family'>,
  message: number,
  flags: number,
  attributes: readonly Buffer[],
): Request {
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | message,
    flags: NLM_F_ACK | flags,
    payload: Buffer.concat([header(FAMILIES[family], 0), ...attributes]),
    purpose: 'change nf_tables rules',
  };
}

/** To the end of the chain. */
export function addRule(table: Table, chain: string, expressions: readonly Buffer[]): Request {
  return tableMessage(table, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, [
    ...chainOf(table, chain),
    nested(NFTA_RULE_EXPRESSIONS, ...expressions),
  ]);
}

/** Without a handle: all rules of the chain. */
export function flushChain(table: Table, chain: string): Request {
  return tableMessage(table, NFT_MSG_DELRULE, 0, chainOf(table, chain));
}

function chainOf({ name }: Table, chain: string): Buffer[] {
  return [stringAttribute(NFTA_RULE_TABLE, name), stringAttribute(NFTA_RULE_CHAIN, chain)];
}

export function expression(name: string, ...attributes: readonly Buffer[]): Buffer {
  return nested(NFTA_LIST_ELEM, stringAttribute(NFTA_EXPR_NAME, name), nested(NFTA_EXPR_DATA, ...attributes));
}

/** Register 1 has this value: NFTA_CMP_SREG, _OP, _DATA */
export function compare(value: Buffer): Buffer {
  return expression('cmp', be32Attribute(1, REGISTER_1), be32Attribute(2, NFT_CMP_EQ), data(3, value));
}

/** NFTA_IMMEDIATE_DREG, _DATA */
export function loadImmediate(register: number, value: Buffer): Buffer {
  return expression('immediate', be32Attribute(1, register), data(2, value));
}

/** meta l4proto PROTOCOL: NFTA_META_DREG, _KEY */
export function isProtocol(protocol: number): Buffer[] {
  const load = expression('meta', be32Attribute(1, REGISTER_1), be32Attribute(2, NFT_META_L4PROTO));
  return [load, compare(Buffer.of(protocol))];
}

/** Into register 1: where a packet goes. */
export function loadDestination(family: TableFamily): Buffer {
  const { offset, length } = DESTINATION[family];
  return loadPayload(NETWORK_HEADER, offset, length);
}

/** NFTA_PAYLOAD_DREG, _BASE, _OFFSET, _LEN */
export function loadPayload(base: number, offset: number, length: number): Buffer {
  return expression(
    'payload',
    be32Attribute(1, REGISTER_1),
    be32Attribute(2, base),
    be32Attribute(3, offset),
    be32Attribute(4, length),
  );
}

/** To the address in register 1, and what `port` says: NFTA_NAT_TYPE, _FAMILY, _REG_ADDR_MIN */
export function translateDestination(family: TableFamily, ...port: readonly Buffer[]): Buffer {
  return expression(
    'nat',
    be32Attribute(1, NFT_NAT_DNAT),
    be32Attribute(2, FAMILIES[family]),
    be32Attribute(3, REGISTER_1),
    ...port,
  );
}

export function data(type: number, value: Buffer): Buffer {
  return nested(type, attribute(NFTA_DATA_VALUE, value));
}

export function be32Attribute(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeInt32BE(value);
  return attribute(type, payload);
}

export function be16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(value);
  return buffer;
}

/** Not acknowledged, unless the batch as a whole fails. */
function batchMark(type: number): Request {
  return { type, flags: 0, payload: header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES), purpose: 'change nf_tables rules' };
}

/** struct nfgenmsg */
function header(family: number, resource: number): Buffer {
  return Buffer.concat([Buffer.of(family, 0), be16(resource)]);
}
