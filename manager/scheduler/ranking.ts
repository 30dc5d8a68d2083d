/** Which of two nodes that would both do gets a task, whatever the service is spread over. Pure. */
import { PlacementStrategy } from '../../proto/generated/gantry/v1/types.ts';
import type { TaskObject } from '../store/task.ts';
import type { Wanted } from './filters.ts';
import type { NodeInfo } from './node-info.ts';

/** Negative: the first is better. */
export type Ranking = (a: NodeInfo, b: NodeInfo) => number;

/** So many failures of a service's version on a node, and others are tried first. As in Swarm. */
const FAILURES_TO_AVOID = 5;

/** Nodes where the version doesn't fail come first. */
export function byFailures(task: TaskObject, nowMs: number): Ranking {
  return (a, b) => failures(task, a, nowMs) - failures(task, b, nowMs);
}

/** None as long as there are few: one crash is no reason to leave a node. */
function failures({ serviceId, specVersion }: TaskObject, info: NodeInfo, nowMs: number): number {
  const count = info.recentFailures(serviceId, specVersion, nowMs);
  return count < FAILURES_TO_AVOID ? 0 : count;
}

export function byStrategy({ task, rules }: Wanted): Ranking {
  return rules.strategy === PlacementStrategy.BINPACK ? binpack : spread(task.serviceId);
}

/** Where the fewest of the service's tasks are, then the least reserved, then the fewest tasks at all. */
function spread(serviceId: string): Ranking {
  return (a, b) =>
    a.tasksOfService(serviceId) - b.tasksOfService(serviceId) ||
    a.reservedShare - b.reservedShare ||
    a.tasks - b.tasks ||
    byId(a, b);
}

const binpack: Ranking = (a, b) => b.reservedShare - a.reservedShare || b.tasks - a.tasks || byId(a, b);

function byId(a: NodeInfo, b: NodeInfo): number {
  return a.node.id < b.node.id ? -1 : 1;
}
