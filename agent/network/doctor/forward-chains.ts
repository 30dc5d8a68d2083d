/** Firewalls of others that don't forward what they don't know: of `nft list ruleset`, and of the older iptables. Pure. */
import { type NftObjects, type NftRule, planPassage } from '../firewall/passage.ts';

/**
 * Chains that drop by default what is forwarded, and that gantryd could not put its own rules into, unless somebody else
 * has: as "inet filter forward". `comment` and `prefix`: of our rules and links, as for planPassage.
 */
export function closedForwardChains(objects: NftObjects, comment: string, prefix: string): string[] {
  const closed = planPassage(objects, comment, prefix).filter(({ changes }) =>
    changes.some((change) => !change.startsWith('delete ')),
  );
  return closed
    .map(({ chain }) => chain)
    .filter((chain) => {
      const [family, table] = chain.split(' ');
      const own = objects.rules.filter((rule) => rule.family === family && rule.table === table);
      return !['iifname', 'oifname'].every((key) => own.some((rule) => accepts(rule, key, prefix)));
    });
}

function accepts({ expr: expressions }: NftRule, key: string, prefix: string): boolean {
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
