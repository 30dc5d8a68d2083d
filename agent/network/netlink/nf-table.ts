/**
 * nf_tables over netlink: what one table holds, as names and handles. The kernel gives each rule, chain and set a handle that
 * it never gives again, so a table with the same handles has been changed by nobody (linux/netfilter/nf_tables.h).
 */
import { parseAttributes, readString, stringAttribute } from './attributes.ts';
import { type Message, NLM_F_ACK, NLM_F_DUMP, type Request } from './message.ts';
import { isNetlinkError, type NetlinkSocket } from './socket.ts';

const NFNL_SUBSYS_NFTABLES = 10 << 8;
const NFT_MSG_GETTABLE = 1;
const NFT_MSG_GETCHAIN = 4;
const NFT_MSG_GETRULE = 7;
const NFT_MSG_GETSET = 10;
const NFT_MSG_GETSETELEM = 13;
const NFT_MSG_NEWGEN = 15;
const NFT_MSG_GETGEN = 16;

/** Told to the multicast group of nf_tables, once after each transaction. */
export const NEW_GENERATION = NFNL_SUBSYS_NFTABLES | NFT_MSG_NEWGEN;
/** NFNLGRP_NFTABLES, 7, as a bit. */
export const NFTABLES_GROUP = 1 << 6;

const NFTA_GEN_ID = 1;
const NFTA_TABLE_NAME = 1;
const NFTA_TABLE_FLAGS = 2;
const NFTA_TABLE_HANDLE = 4;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_HANDLE = 2;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NF_INET_FORWARD = 2;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_HANDLE = 16;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_DATA_VALUE = 1;
const NFT_SET_ANONYMOUS = 1;
const NFT_SET_EVAL = 32;

const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;
/** As a family of tables: NFPROTO_INET. */
const INET = 1;
const HEADER_BYTES = 4;

/** One line for each thing in the table, which begins with what it is: "rule forward ...". */
export type TableContents = ReadonlySet<string>;

/** Of the namespace's whole ruleset: each transaction, whoever's, adds one. */
export async function rulesetGeneration(socket: NetlinkSocket): Promise<number> {
  const [answer] = await socket.query(request(NFT_MSG_GETGEN, NLM_F_ACK, [], 'read the generation of the rules'));
  const id = answer && parseAttributes(answer.payload.subarray(HEADER_BYTES)).get(NFTA_GEN_ID);
  if (id === undefined) throw new Error('nf_tables says no generation');
  return id.readUInt32BE();
}

/** Undefined when there is no such table. */
export async function tableContents(
  socket: NetlinkSocket,
  table: string,
  family = AF_INET,
): Promise<TableContents | undefined> {
  try {
    const tables = await dump(socket, NFT_MSG_GETTABLE, NLM_F_ACK, [stringAttribute(NFTA_TABLE_NAME, table)], family);
    const chains = await dump(socket, NFT_MSG_GETCHAIN, NLM_F_DUMP, [], family);
    const rules = await dump(socket, NFT_MSG_GETRULE, NLM_F_DUMP, [stringAttribute(NFTA_RULE_TABLE, table)], family);
    const sets = await dump(socket, NFT_MSG_GETSET, NLM_F_DUMP, [stringAttribute(NFTA_SET_TABLE, table)], family);
    const elements: string[] = [];
    for (const set of sets) elements.push(...(await elementsOf(socket, table, set, family)));
    return new Set([
      ...tables.map((one) => `table ${hex(one, NFTA_TABLE_HANDLE)} ${hex(one, NFTA_TABLE_FLAGS)}`),
      ...chains.filter((one) => text(one, NFTA_CHAIN_TABLE) === table).map(chainLine),
      ...rules
        .filter((one) => text(one, NFTA_RULE_TABLE) === table)
        .map((one) => `rule ${text(one, NFTA_RULE_CHAIN)} ${hex(one, NFTA_RULE_HANDLE)}`),
      ...sets.map((one) => `set ${text(one, NFTA_SET_NAME)} ${hex(one, NFTA_SET_HANDLE)}`),
      ...elements,
    ]);
  } catch (error) {
    if (isNetlinkError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export interface FilterChain {
  readonly family: 'ip' | 'ip6' | 'inet';
  readonly table: string;
  /** As it is now; the same as long as nobody changes the chain's policy, or a rule of its table. */
  readonly version: string;
}

/** Chains of all tables that filter what is forwarded of IP. */
export async function forwardChains(socket: NetlinkSocket): Promise<FilterChain[]> {
  const answers = await socket.query(request(NFT_MSG_GETCHAIN, NLM_F_DUMP, [], LIST, AF_UNSPEC));
  const found: FilterChain[] = [];
  for (const { payload } of answers) {
    const family = FAMILIES.get(payload.readUInt8(0));
    const chain = parseAttributes(payload.subarray(HEADER_BYTES));
    if (family === undefined || !isForwardFilter(chain)) continue;
    const table = text(chain, NFTA_CHAIN_TABLE);
    const selection = [stringAttribute(NFTA_RULE_TABLE, table)];
    const rules = await dump(socket, NFT_MSG_GETRULE, NLM_F_DUMP, selection, payload.readUInt8(0));
    const handles = rules.map((rule) => `${text(rule, NFTA_RULE_CHAIN)} ${hex(rule, NFTA_RULE_HANDLE)}`);
    found.push({ family, table, version: [chainLine(chain), ...handles].join('\n') });
  }
  return found;
}

function isForwardFilter(chain: Fields): boolean {
  const hook = parseAttributes(chain.get(NFTA_CHAIN_HOOK) ?? Buffer.alloc(0)).get(NFTA_HOOK_HOOKNUM);
  return hook?.readUInt32BE() === NF_INET_FORWARD && text(chain, NFTA_CHAIN_TYPE) === 'filter';
}

const FAMILIES: ReadonlyMap<number, FilterChain['family']> = new Map([
  [AF_INET, 'ip'],
  [AF_INET6, 'ip6'],
  [INET, 'inet'],
]);
const LIST = 'list nf_tables rules';

type Fields = ReadonlyMap<number, Buffer>;

function chainLine(chain: Fields): string {
  const fields = [NFTA_CHAIN_HANDLE, NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY].map((field) => hex(chain, field));
  return `chain ${text(chain, NFTA_CHAIN_NAME)} ${fields.join(' ')}`;
}

/**
 * Those of a set within a rule go with the rule, and nobody can change them; those of a dynamic one are put there by packets.
 */
async function elementsOf(socket: NetlinkSocket, table: string, set: Fields, family: number): Promise<string[]> {
  const flags = set.get(NFTA_SET_FLAGS)?.readUInt32BE() ?? 0;
  if ((flags & (NFT_SET_ANONYMOUS | NFT_SET_EVAL)) !== 0) return [];
  const name = text(set, NFTA_SET_NAME);
  const elements = await dumpElements(socket, table, name, family);
  return elements.map((element) => `element ${name} ${element.toString('hex')}`);
}

/** Keys of what is in a set, as the kernel compares them. */
export async function setKeys(socket: NetlinkSocket, table: string, set: string, family = AF_INET): Promise<Buffer[]> {
  const elements = await dumpElements(socket, table, set, family);
  return elements.flatMap((element) => {
    const key = parseAttributes(element).get(NFTA_SET_ELEM_KEY);
    return (key && parseAttributes(key).get(NFTA_DATA_VALUE)) ?? [];
  });
}

async function dumpElements(socket: NetlinkSocket, table: string, set: string, family: number): Promise<Buffer[]> {
  const selection = [stringAttribute(NFTA_SET_ELEM_LIST_TABLE, table), stringAttribute(NFTA_SET_ELEM_LIST_SET, set)];
  const lists = await dump(socket, NFT_MSG_GETSETELEM, NLM_F_DUMP, selection, family);
  return lists.flatMap((list) => split(list.get(NFTA_SET_ELEM_LIST_ELEMENTS) ?? Buffer.alloc(0)));
}

/** The attributes of a list, which all have the same type. */
function split(list: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at + HEADER_BYTES <= list.length; ) {
    const length = list.readUInt16LE(at);
    if (length < HEADER_BYTES) break;
    parts.push(list.subarray(at + HEADER_BYTES, at + length));
    at += (length + 3) & ~3;
  }
  return parts;
}

async function dump(
  socket: NetlinkSocket,
  message: number,
  flags: number,
  attributes: readonly Buffer[],
  family = AF_INET,
): Promise<Fields[]> {
  const answers: readonly Message[] = await socket.query(request(message, flags, attributes, LIST, family));
  return answers.map(({ payload }) => parseAttributes(payload.subarray(HEADER_BYTES)));
}

function request(
  message: number,
  flags: number,
  attributes: readonly Buffer[],
  purpose: string,
  family = AF_INET,
): Request {
  // struct nfgenmsg
  const payload = Buffer.concat([Buffer.of(family, 0, 0, 0), ...attributes]);
  return { type: NFNL_SUBSYS_NFTABLES | message, flags, payload, purpose };
}

function text(fields: Fields, type: number): string {
  return readString(fields.get(type) ?? Buffer.alloc(0));
}

function hex(fields: Fields, type: number): string {
  return (fields.get(type) ?? Buffer.alloc(0)).toString('hex');
}
