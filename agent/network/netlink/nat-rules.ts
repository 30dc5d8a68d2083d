/**
 * nf_tables over netlink: a table that redirects one address and port of a network namespace to another port, and one that
 * keeps connections translated (linux/netfilter/nf_tables.h). For namespaces of containers, where running nft(8) in each would take longer than
 * all the rest.
 */
import { ipv4Bytes } from '../subnet.ts';
import { nested, stringAttribute } from './attributes.ts';
import { NLM_F_CREATE, type Request } from './message.ts';
import {
  addRule,
  be16,
  be32Attribute,
  compare,
  expression,
  flushChain,
  isProtocol,
  loadDestination,
  loadImmediate,
  loadPayload,
  REGISTER_1,
  REGISTER_2,
  type Table,
  tableMessage,
  transaction,
  translateDestination,
} from './nf-batch.ts';

const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_NEWCHAIN = 3;

const NFTA_TABLE_NAME = 1;
const NFTA_TABLE_FLAGS = 2;
const NFT_TABLE_F_OWNER = 2;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;

const NF_INET_LOCAL_OUT = 3;
const PRIORITY_DSTNAT = -100;
const TRANSPORT_HEADER = 2;
const PORT_DESTINATION_OFFSET = 2;
const NFT_CT_MARK = 3;

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
export function holdTranslation(table: Table): Request[] {
  return transaction([
    tableMessage(table, NFT_MSG_NEWTABLE, NLM_F_CREATE, [
      stringAttribute(NFTA_TABLE_NAME, table.name),
      be32Attribute(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER),
    ]),
    natChain(table),
    addRule(table, CHAIN, [
      // ct mark 0: NFTA_CT_DREG, _KEY
      expression('ct', be32Attribute(1, REGISTER_1), be32Attribute(2, NFT_CT_MARK)),
      compare(Buffer.alloc(4)),
    ]),
  ]);
}

/** One transaction: the table holds these redirections of locally made connections, and no others. Idempotent. */
export function replaceRedirections(name: string, redirections: readonly Redirection[]): Request[] {
  const table = { family: 'ip', name } as const;
  return transaction([
    tableMessage(table, NFT_MSG_NEWTABLE, NLM_F_CREATE, [stringAttribute(NFTA_TABLE_NAME, name)]),
    natChain(table),
    flushChain(table, CHAIN),
    ...redirections.map((redirection) => addRule(table, CHAIN, expressions(redirection))),
  ]);
}

function natChain(table: Table): Request {
  return tableMessage(table, NFT_MSG_NEWCHAIN, NLM_F_CREATE, [
    stringAttribute(NFTA_CHAIN_TABLE, table.name),
    stringAttribute(NFTA_CHAIN_NAME, CHAIN),
    nested(
      NFTA_CHAIN_HOOK,
      be32Attribute(NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT),
      be32Attribute(NFTA_HOOK_PRIORITY, PRIORITY_DSTNAT),
    ),
    stringAttribute(NFTA_CHAIN_TYPE, 'nat'),
  ]);
}

/** ip daddr ADDRESS, meta l4proto PROTOCOL, th dport PORT, dnat to ADDRESS:TO_PORT */
function expressions({ protocol, address, port, toPort }: Redirection): Buffer[] {
  return [
    loadDestination('ip'),
    compare(ipv4Bytes(address)),
    ...isProtocol(protocol),
    loadPayload(TRANSPORT_HEADER, PORT_DESTINATION_OFFSET, 2),
    compare(be16(port)),
    loadImmediate(REGISTER_1, ipv4Bytes(address)),
    loadImmediate(REGISTER_2, be16(toPort)),
    // NFTA_NAT_REG_PROTO_MIN
    translateDestination('ip', be32Attribute(5, REGISTER_2)),
  ];
}
