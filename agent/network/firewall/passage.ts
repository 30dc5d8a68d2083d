/**
 * How packets of our networks get through firewalls of others that drop what they forward by default: rules of ours at the end of
 * such a chain, before whatever refuses the rest. So all that the firewall says itself comes first. Pure; why it is
 * done this way: docs/decisions/0009-host-firewalls.md.
 */

/** What `nft -j list ruleset` gives, as far as it matters here. */
export interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly type?: string;
  readonly hook?: string;
  readonly policy?: string;
}

export interface NftRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly comment?: string;
  readonly expr: readonly Readonly<Record<string, unknown>>[];
}

export interface NftObjects {
  readonly chains: readonly NftChain[];
  readonly rules: readonly NftRule[];
}

export interface Passage {
  /** "inet filter forward" */
  readonly chain: string;
  /** Lines for `nft -f`, as one transaction. */
  readonly changes: readonly string[];
}

/** Statements that a rule for all packets can have beside its verdict. */
const PASSIVE = new Set(['counter', 'log']);

const FAMILIES = new Set(['ip', 'ip6', 'inet']);

/** What has to be changed. `comment`: marks our rules. `prefix`: what the names of our links begin with. */
export function planPassage(objects: NftObjects, comment: string, prefix: string): Passage[] {
  const wanted = ['iifname', 'oifname'].map((key) => `${key} "${prefix}*" counter accept comment "${comment}"`);
  return objects.chains.flatMap((chain) => {
    const all = rulesOf(objects, chain);
    const ours = all.filter((rule) => rule.comment === comment);
    const theirs = all.filter((rule) => rule.comment !== comment);
    const refusal = isForward(chain) ? firstRefusal(objects, theirs) : undefined;
    const isClosed = isForward(chain) && (chain.policy === 'drop' || refusal !== undefined);
    const place = refusal === undefined ? all.length : all.indexOf(refusal);
    const before = isClosed ? all.slice(Math.max(0, place - wanted.length), place) : [];
    const isRight = isClosed
      ? ours.length === wanted.length && before.every((rule) => rule.comment === comment)
      : ours.length === 0;
    if (isRight) return [];
    const name = `${chain.family} ${chain.table} ${chain.name}`;
    return [{ chain: name, changes: [...removal(ours), ...(isClosed ? addition(name, wanted, refusal) : [])] }];
  });
}

/** Of all rules of ours, wherever they are. */
export function planRemoval({ rules }: NftObjects, comment: string): string[] {
  return removal(rules.filter((rule) => rule.comment === comment));
}

function isForward({ family, type, hook }: NftChain): boolean {
  return type === 'filter' && hook === 'forward' && FAMILIES.has(family);
}

/** The rule of a chain that refuses all that has come so far; what stands behind it is never asked. */
function firstRefusal(objects: NftObjects, rules: readonly NftRule[]): NftRule | undefined {
  return rules.find((rule) => refusesAll(objects, rule));
}

function refusesAll(objects: NftObjects, { family, table, expr }: NftRule): boolean {
  const [verdict, ...more] = expr.filter((statement) => !Object.keys(statement).every((key) => PASSIVE.has(key)));
  if (verdict === undefined || more.length > 0) return false;
  if (isRefusal(verdict)) return true;
  const jump = (verdict.jump ?? verdict.goto) as { readonly target: string } | undefined;
  if (jump === undefined) return false;
  // One that lets something through is no default, but what the owner wants of just these packets.
  const there = rulesOf(objects, { family, table, name: jump.target });
  return there.every(letsNothingThrough) && there.some((rule) => refusesAll(objects, rule));
}

function isRefusal(statement: Readonly<Record<string, unknown>>): boolean {
  const { drop, reject, xt } = statement;
  // As iptables-nft writes it: XT_REJECT.
  const isReject = (xt as { readonly name?: string } | undefined)?.name === 'REJECT';
  return drop !== undefined || reject !== undefined || isReject;
}

function letsNothingThrough({ expr }: NftRule): boolean {
  return expr.every(
    (statement) => !['accept', 'return', 'jump', 'goto', 'queue', 'vmap'].some((key) => key in statement),
  );
}

function rulesOf({ rules }: NftObjects, { family, table, name }: NftChain): NftRule[] {
  return rules.filter((rule) => rule.family === family && rule.table === table && rule.chain === name);
}

function removal(rules: readonly NftRule[]): string[] {
  return rules.map(({ family, table, chain, handle }) => `delete rule ${family} ${table} ${chain} handle ${handle}`);
}

function addition(chain: string, wanted: readonly string[], refusal: NftRule | undefined): string[] {
  if (refusal === undefined) return wanted.map((rule) => `add rule ${chain} ${rule}`);
  return wanted.map((rule) => `insert rule ${chain} handle ${refusal.handle} ${rule}`);
}
