/** Chooses a node for a task, or says why there is none. Pure. */
import type { TaskObject } from '../store/task.ts';
import { FILTERS } from './filters.ts';
import type { NodeInfo } from './node-info.ts';

export type Choice = { readonly info: NodeInfo } | { readonly reason: string };

/** Spreads a service over the nodes: where it has the fewest tasks, then where the fewest tasks are at all. */
export function chooseNode(task: TaskObject, nodes: Iterable<NodeInfo>): Choice {
  const reasons = new Map<string, number>();
  let best: NodeInfo | undefined;
  for (const info of nodes) {
    const reason = firstReason(task, info);
    if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    else if (best === undefined || isBetter(task.serviceId, info, best)) best = info;
  }
  return best === undefined ? { reason: explain(reasons) } : { info: best };
}

function firstReason(task: TaskObject, info: NodeInfo): string | undefined {
  for (const filter of FILTERS) {
    const reason = filter(task, info);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function isBetter(serviceId: string, a: NodeInfo, b: NodeInfo): boolean {
  const difference = a.tasksOfService(serviceId) - b.tasksOfService(serviceId) || a.tasks - b.tasks;
  return difference === 0 ? a.node.id < b.node.id : difference < 0;
}

function explain(reasons: ReadonlyMap<string, number>): string {
  if (reasons.size === 0) return 'no suitable node (the cluster has none)';
  const counts = [...reasons].sort(([, a], [, b]) => b - a);
  return `no suitable node (${counts.map(([reason, count]) => `${count} ${count === 1 ? 'node' : 'nodes'}: ${reason}`).join('; ')})`;
}
