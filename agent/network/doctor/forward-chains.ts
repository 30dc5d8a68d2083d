/** Firewalls of others that don't forward what they don't know: of `nft list ruleset`, and of the older iptables. Pure. */
import type { NftObject } from './nft-json.ts';

/** Where packets of containers end unless there are rules that let them pass. */
export interface ForwardChain {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
}

interface Rule {
  readonly table: string;
  readonly chain: string;
  readonly expressions: readonly Readonly<Record<string, unknown>>[];
}

/** Chains that drop by default what is forwarded, and don't accept what comes from and goes to links that begin with `prefix`. */
export function closedForwardChains(objects: readonly NftObject[], prefix: string): ForwardChain[] {
  const rules = objects.flatMap(({ rule }) => (rule === undefined ? [] : [toRule(rule)]));
  return objects.flatMap(({ chain }) => {
    if (chain === undefined || chain.hook !== 'forward' || !['ip', 'inet'].includes(String(chain.family))) return [];
    const [family, table, name] = [String(chain.family), String(chain.table), String(chain.name)];
    if (table.startsWith('gantry-')) return [];
    const own = rules.filter((rule) => rule.table === `${family} ${table}`);
    const isClosed = chain.policy === 'drop' || endsInDrop(own.filter((rule) => rule.chain === name));
    const isOpenToUs = ['iifname', 'oifname'].every((key) => own.some((rule) => accepts(rule, key, prefix)));
    return isClosed && !isOpenToUs ? [{ family, table, chain: name }] : [];
  });
}

function toRule(rule: Readonly<Record<string, unknown>>): Rule {
  const expressions = Array.isArray(rule.expr) ? (rule.expr as Rule['expressions']) : [];
  return { table: `${String(rule.family)} ${String(rule.table)}`, chain: String(rule.chain), expressions };
}

/** Its last rule is for all that has come so far. */
function endsInDrop(rules: readonly Rule[]): boolean {
  const last = rules.at(-1)?.expressions ?? [];
  const isForAll = last.every((expression) => !('match' in expression));
  return isForAll && last.some((expression) => 'drop' in expression || 'reject' in expression);
}

function accepts({ expressions }: Rule, key: string, prefix: string): boolean {
  const matches = expressions.flatMap(({ match }) => (match === undefined ? [] : [match as Match]));
  const [match] = matches;
  const isAccept = expressions.some((expression) => 'accept' in expression);
  if (!isAccept || matches.length > 1) return false;
  if (match === undefined) return true;
  return match.op === '==' && match.left?.meta?.key === key && covers(String(match.right), prefix);
}

interface Match {
  readonly op: string;
  readonly left?: { readonly meta?: { readonly key?: string } };
  readonly right: unknown;
}

function covers(pattern: string, prefix: string): boolean {
  return pattern.endsWith('*') && prefix.startsWith(pattern.slice(0, -1));
}

/** Of `iptables -S FORWARD`. */
export function isClosedInIptables(rules: string, prefix: string): boolean {
  const lines = rules.split('\n').map((line) => line.trim());
  const isOpen = (flag: string) => lines.includes(`-A FORWARD ${flag} ${prefix}+ -j ACCEPT`);
  return lines.includes('-P FORWARD DROP') && !(isOpen('-i') && isOpen('-o'));
}
