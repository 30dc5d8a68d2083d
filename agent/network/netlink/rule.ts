/** rtnetlink routing rules: which table a packet's route is looked up in (rtnetlink(7), linux/fib_rules.h). */
import { ipv4Bytes } from '../subnet.ts';
import { attribute, parseAttributes, readU32, u32Attribute } from './attributes.ts';
import { type Message, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, type Request } from './message.ts';
import type { TableFamily } from './nf-batch.ts';
import { isNetlinkError, type NetlinkSocket } from './socket.ts';

const RTM_NEWRULE = 32;
const RTM_DELRULE = 33;
const RTM_GETRULE = 34;

const FRA_SRC = 2;
const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FR_ACT_TO_TBL = 1;
const FR_ACT_GOTO = 2;
const FIB_RULE_INVERT = 2;
const AF_INET = 2;
const AF_INET6 = 10;
const HEADER_BYTES = 12;
const FAMILIES: ReadonlyMap<number, TableFamily> = new Map([
  [AF_INET, 'ip'],
  [AF_INET6, 'ip6'],
]);

/** Of packets with (or, inverted, without) a mark. */
export interface Rule {
  readonly family: TableFamily;
  /** Rules with low ones are asked first. */
  readonly priority: number;
  readonly mark: number;
  readonly mask: number;
  readonly action:
    | { readonly kind: 'lookup'; readonly table: number }
    /** Goes on at the rule with this priority, if the packet doesn't have the mark. */
    | { readonly kind: 'skip-without-mark'; readonly to: number };
}

/** EEXIST when it is there. */
export function addRule(rule: Rule): Request {
  return change(RTM_NEWRULE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, rule, 'add');
}

/** Of packets from one IPv4 address. EEXIST when it is there. */
export function addSourceRule(rule: {
  readonly priority: number;
  readonly source: string;
  readonly table: number;
}): Request {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(32, 2);
  header.writeUInt8(FR_ACT_TO_TBL, 7);
  return {
    type: RTM_NEWRULE,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      header,
      u32Attribute(FRA_PRIORITY, rule.priority),
      attribute(FRA_SRC, ipv4Bytes(rule.source)),
      u32Attribute(FRA_TABLE, rule.table),
    ]),
    purpose: `add routing rule of packets from ${rule.source}`,
  };
}

/** ENOENT when it isn't there. */
export function deleteRule(rule: Rule): Request {
  return change(RTM_DELRULE, NLM_F_ACK, rule, 'delete');
}

/** Of both families, as far as the kernel has them. */
export async function readRules(socket: NetlinkSocket): Promise<Rule[]> {
  const ipv4 = await socket.query(dumpRules('ip'));
  const ipv6 = await socket.query(dumpRules('ip6')).catch((error: unknown) => {
    if (isNetlinkError(error, 'EAFNOSUPPORT')) return [];
    throw error;
  });
  return [...ipv4, ...ipv6].flatMap((message) => parseRule(message) ?? []);
}

export function dumpRules(family: TableFamily): Request {
  const payload = Buffer.alloc(HEADER_BYTES);
  payload.writeUInt8(family === 'ip' ? AF_INET : AF_INET6, 0);
  return { type: RTM_GETRULE, flags: NLM_F_DUMP, payload, purpose: 'list routing rules' };
}

/** Undefined for a rule of another kind. */
export function parseRule({ payload }: Message): Rule | undefined {
  const attributes = parseAttributes(payload.subarray(HEADER_BYTES));
  const [priority, mark] = [readU32(attributes, FRA_PRIORITY), readU32(attributes, FRA_FWMARK)];
  const family = FAMILIES.get(payload.readUInt8(0));
  if (family === undefined || priority === undefined || mark === undefined) return undefined;
  const common = { family, priority, mark, mask: readU32(attributes, FRA_FWMASK) ?? 0xffff_ffff };
  const [action, to] = [payload.readUInt8(7), readU32(attributes, FRA_GOTO)];
  if (action === FR_ACT_TO_TBL) {
    return { ...common, action: { kind: 'lookup', table: readU32(attributes, FRA_TABLE) ?? payload.readUInt8(4) } };
  }
  return action === FR_ACT_GOTO && to !== undefined
    ? { ...common, action: { kind: 'skip-without-mark', to } }
    : undefined;
}

function change(type: number, flags: number, { family, priority, mark, mask, action }: Rule, verb: string): Request {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(family === 'ip' ? AF_INET : AF_INET6, 0);
  header.writeUInt8(action.kind === 'lookup' ? FR_ACT_TO_TBL : FR_ACT_GOTO, 7);
  header.writeUInt32LE(action.kind === 'lookup' ? 0 : FIB_RULE_INVERT, 8);
  return {
    type,
    flags,
    payload: Buffer.concat([
      header,
      u32Attribute(FRA_PRIORITY, priority),
      u32Attribute(FRA_FWMARK, mark),
      u32Attribute(FRA_FWMASK, mask),
      action.kind === 'lookup' ? u32Attribute(FRA_TABLE, action.table) : u32Attribute(FRA_GOTO, action.to),
    ]),
    purpose: `${verb} routing rule of mark ${mark}`,
  };
}
