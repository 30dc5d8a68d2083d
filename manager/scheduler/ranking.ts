/** Which of two nodes that would both do gets a task. Pure. */
import { PlacementStrategy } from '../../proto/generated/gantry/v1/types.ts';
import { attributeOf, type PlacementRules } from '../placement/rules.ts';
import type { TaskObject } from '../store/task.ts';
import type { Wanted } from './filters.ts';
import type { NodeInfo } from './node-info.ts';

/** Negative: the first is better. */
export type Ranking = (a: NodeInfo, b: NodeInfo) => number;

/** So many failures of a service's version on a node, and others are tried first. As in Swarm. */
const FAILURES_TO_AVOID = 5;

/** `nodes`: all of the cluster, whose tasks count for what the service is spread over. */
export function rankingFor({ task, rules }: Wanted, nodes: Iterable<NodeInfo>, nowMs: number): Ranking {
  const branches = branchCounts(task, rules, nodes);
  const criteria: Ranking[] = [
    (a, b) => failures(task, a, nowMs) - failures(task, b, nowMs),
    ...branches.map(
      (count): Ranking =>
        (a, b) =>
          count(a) - count(b),
    ),
    ...(rules.strategy === PlacementStrategy.BINPACK ? BINPACK : spread(task)),
    (a, b) => (a.node.id < b.node.id ? -1 : 1),
  ];
  return (a, b) => {
    for (const criterion of criteria) {
      const difference = criterion(a, b);
      if (difference !== 0) return difference;
    }
    return 0;
  };
}

/** Where the fewest of the service's tasks are, then the least reserved, then the fewest tasks at all. */
function spread({ serviceId }: TaskObject): Ranking[] {
  return [
    (a, b) => a.tasksOfService(serviceId) - b.tasksOfService(serviceId),
    (a, b) => a.reservedShare - b.reservedShare,
    (a, b) => a.tasks - b.tasks,
  ];
}

const BINPACK: readonly Ranking[] = [(a, b) => b.reservedShare - a.reservedShare, (a, b) => b.tasks - a.tasks];

/** None as long as there are few: one crash is no reason to leave a node. */
function failures({ serviceId, specVersion }: TaskObject, info: NodeInfo, nowMs: number): number {
  const count = info.recentFailures(serviceId, specVersion, nowMs);
  return count < FAILURES_TO_AVOID ? 0 : count;
}

/**
 * For each level of what the service is spread over, how many of its tasks are in the node's branch: on nodes with the
 * same values down to this level. Nodes without a value are a branch of their own.
 */
function branchCounts(
  { serviceId }: TaskObject,
  { spread: levels }: PlacementRules,
  nodes: Iterable<NodeInfo>,
): ((info: NodeInfo) => number)[] {
  if (levels.length === 0) return [];
  const branchOf = ({ node }: NodeInfo, depth: number) =>
    JSON.stringify(levels.slice(0, depth).map((level) => attributeOf(node, level)));
  const counts = new Map<string, number>();
  for (const info of nodes) {
    const tasks = info.tasksOfService(serviceId);
    if (tasks === 0) continue;
    for (let depth = 1; depth <= levels.length; depth += 1) {
      const branch = branchOf(info, depth);
      counts.set(branch, (counts.get(branch) ?? 0) + tasks);
    }
  }
  return levels.map((_, index) => (info) => counts.get(branchOf(info, index + 1)) ?? 0);
}
