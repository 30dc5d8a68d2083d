/**
 * nf_tables over netlink: a table that redirects one address and port of a network namespace to another port, and one that
 * keeps connections translated (linux/netfilter/nf_tables.h). For namespaces of containers, where running nft(8) in each would take longer than
 * all the rest. Numbers in nf_tables attributes are in network byte order.
 */
import { ipv4Bytes } from '../subnet.ts';
import { attribute, nested, stringAttribute } from './attributes.ts';
import { NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, type Request } from './message.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_DELRULE = 8;

const NFTA_TABLE_NAME = 1;
const NFTA_TABLE_FLAGS = 2;
const NFT_TABLE_F_OWNER = 2;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;

const AF_UNSPEC = 0;
const AF_INET = 2;
const NF_INET_LOCAL_OUT = 3;
const PRIORITY_DSTNAT = -100;
const NETWORK_HEADER = 1;
const TRANSPORT_HEADER = 2;
const IPV4_DESTINATION_OFFSET = 16;
const PORT_DESTINATION_OFFSET = 2;
const NFT_META_L4PROTO = 16;
const NFT_CMP_EQ = 0;
const NFT_CT_MARK = 3;
const NFT_NAT_DNAT = 1;
const REGISTER_1 = 1;
const REGISTER_2 = 2;

const CHAIN = 'output';

export interface Redirection {
  readonly protocol: number;
  readonly address: string;
  readonly port: number;
  /** On the same address. */
  readonly toPort: number;
}

/**
 * A table that is its socket's own (Linux 5.12): nobody else can change it, `nft flush ruleset` passes it over, and it goes when the
 * socket is closed. With the last chain of type nat, or the last rule that asks for connections, the kernel stops translating also
 * connections under way, whose next packet then is taken for one to the host itself, and answered with a reset. This table has
 * such a chain and such a rule, which does nothing.
 */
export function holdTranslation(table: string): Request[] {
  return [
    batchMark(NFNL_MSG_BATCH_BEGIN),
    tableMessage(NFT_MSG_NEWTABLE, NLM_F_CREATE, [
      stringAttribute(NFTA_TABLE_NAME, table),
      be32Attribute(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER),
    ]),
    natChain(table),
    tableMessage(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, [
      ...ruleOf(table),
      // ct mark 0: NFTA_CT_DREG, _KEY
      nested(
        NFTA_RULE_EXPRESSIONS,
        expression('ct', be32Attribute(1, REGISTER_1), be32Attribute(2, NFT_CT_MARK)),
        compare(Buffer.alloc(4)),
      ),
    ]),
    batchMark(NFNL_MSG_BATCH_END),
  ];
}

/** One transaction: the table holds these redirections of locally made connections, and no others. Idempotent. */
export function replaceRedirections(table: string, redirections: readonly Redirection[]): Request[] {
  return [
    batchMark(NFNL_MSG_BATCH_BEGIN),
    tableMessage(NFT_MSG_NEWTABLE, NLM_F_CREATE, [stringAttribute(NFTA_TABLE_NAME, table)]),
    natChain(table),
    // Without a handle: all rules of the chain.
    tableMessage(NFT_MSG_DELRULE, 0, ruleOf(table)),
    ...redirections.map((redirection) =>
      tableMessage(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, [...ruleOf(table), expressions(redirection)]),
    ),
    batchMark(NFNL_MSG_BATCH_END),
  ];
}

function natChain(table: string): Request {
  return tableMessage(NFT_MSG_NEWCHAIN, NLM_F_CREATE, [
    stringAttribute(NFTA_CHAIN_TABLE, table),
    stringAttribute(NFTA_CHAIN_NAME, CHAIN),
    nested(
      NFTA_CHAIN_HOOK,
      be32Attribute(NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT),
      be32Attribute(NFTA_HOOK_PRIORITY, PRIORITY_DSTNAT),
    ),
    stringAttribute(NFTA_CHAIN_TYPE, 'nat'),
  ]);
}

function ruleOf(table: string): Buffer[] {
  return [stringAttribute(NFTA_RULE_TABLE, table), stringAttribute(NFTA_RULE_CHAIN, CHAIN)];
}

/** ip daddr ADDRESS, meta l4proto PROTOCOL, th dport PORT, dnat to ADDRESS:TO_PORT */
function expressions({ protocol, address, port, toPort }: Redirection): Buffer {
  return nested(
    NFTA_RULE_EXPRESSIONS,
    loadPayload(NETWORK_HEADER, IPV4_DESTINATION_OFFSET, 4),
    compare(ipv4Bytes(address)),
    expression('meta', be32Attribute(1, REGISTER_1), be32Attribute(2, NFT_META_L4PROTO)),
    compare(Buffer.of(protocol)),
    loadPayload(TRANSPORT_HEADER, PORT_DESTINATION_OFFSET, 2),
    compare(be16(port)),
    loadImmediate(REGISTER_1, ipv4Bytes(address)),
    loadImmediate(REGISTER_2, be16(toPort)),
    // NFTA_NAT_TYPE, _FAMILY, _REG_ADDR_MIN, _REG_PROTO_MIN
    expression(
      'nat',
      be32Attribute(1, NFT_NAT_DNAT),
      be32Attribute(2, AF_INET),
      be32Attribute(3, REGISTER_1),
      be32Attribute(5, REGISTER_2),
    ),
  );
}

/** NFTA_PAYLOAD_DREG, _BASE, _OFFSET, _LEN */
function loadPayload(base: number, offset: number, length: number): Buffer {
  return expression(
    'payload',
    be32Attribute(1, REGISTER_1),
    be32Attribute(2, base),
    be32Attribute(3, offset),
    be32Attribute(4, length),
  );
}

/** NFTA_CMP_SREG, _OP, _DATA */
function compare(value: Buffer): Buffer {
  return expression('cmp', be32Attribute(1, REGISTER_1), be32Attribute(2, NFT_CMP_EQ), data(3, value));
}

/** NFTA_IMMEDIATE_DREG, _DATA */
function loadImmediate(register: number, value: Buffer): Buffer {
  return expression('immediate', be32Attribute(1, register), data(2, value));
}

function data(type: number, value: Buffer): Buffer {
  return nested(type, attribute(NFTA_DATA_VALUE, value));
}

function expression(name: string, ...attributes: readonly Buffer[]): Buffer {
  return nested(NFTA_LIST_ELEM, stringAttribute(NFTA_EXPR_NAME, name), nested(NFTA_EXPR_DATA, ...attributes));
}

function tableMessage(message: number, flags: number, attributes: readonly Buffer[]): Request {
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | message,
    flags: NLM_F_ACK | flags,
    payload: Buffer.concat([header(AF_INET, 0), ...attributes]),
    purpose: 'redirect a port of a network namespace',
  };
}

/** Not acknowledged, unless the batch as a whole fails. */
function batchMark(type: number): Request {
  return { type, flags: 0, payload: header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES), purpose: 'change nf_tables rules' };
}

/** struct nfgenmsg */
function header(family: number, resource: number): Buffer {
  return Buffer.concat([Buffer.of(family, 0), be16(resource)]);
}

function be32Attribute(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeInt32BE(value);
  return attribute(type, payload);
}

function be16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(value);
  return buffer;
}
