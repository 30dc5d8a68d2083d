/** Chooses a node for a task, or says why there is none. Pure. */
import { FILTERS, type Wanted } from './filters.ts';
import type { NodeInfo } from './node-info.ts';
import { rankingFor } from './ranking.ts';

export type Choice = { readonly info: NodeInfo } | { readonly reason: string };

/** The best of the candidates; `nodes` are all of the cluster. */
export function chooseNode(
  wanted: Wanted,
  candidates: Iterable<NodeInfo>,
  nodes: Iterable<NodeInfo>,
  nowMs: number,
): Choice {
  const rank = rankingFor(wanted, nodes, nowMs);
  const reasons = new Map<string, number>();
  let best: NodeInfo | undefined;
  for (const info of candidates) {
    const reason = firstReason(wanted, info);
    if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    else if (best === undefined || rank(info, best) < 0) best = info;
  }
  return best === undefined ? { reason: explain(reasons) } : { info: best };
}

function firstReason(wanted: Wanted, info: NodeInfo): string | undefined {
  for (const filter of FILTERS) {
    const reason = filter(wanted, info);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function explain(reasons: ReadonlyMap<string, number>): string {
  if (reasons.size === 0) return 'no suitable node (the cluster has none)';
  const counts = [...reasons].sort(([, a], [, b]) => b - a);
  return `no suitable node (${counts.map(([reason, count]) => `${count} ${count === 1 ? 'node' : 'nodes'}: ${reason}`).join('; ')})`;
}
