/** Which of two nodes that would both do gets a task, whatever the service is spread over. Pure. */
import { PlacementStrategy } from '../../proto/generated/gantry/v1/types.ts';
import type { Wanted } from './filters.ts';
import type { NodeInfo } from './node-info.ts';

/** A node with what it is compared by, as it was when it was ranked: it is compared many times. */
export interface RankedNode {
  readonly info: NodeInfo;
  /** None as long as there are few: one crash is no reason to leave a node. */
  readonly failures: number;
  readonly tasksOfService: number;
  readonly reservedShare: number;
  readonly tasks: number;
  /** It is known to have the image. */
  readonly hasImage: boolean;
}

/** Negative: the first is better. */
export type Ranking = (a: RankedNode, b: RankedNode) => number;

/** So many failures of a service's version on a node, and others are tried first. As in Swarm. */
const FAILURES_TO_AVOID = 5;

export function rankNode({ task, holders }: Wanted, info: NodeInfo, nowMs: number): RankedNode {
  const { serviceId, specVersion } = task;
  const failures = info.recentFailures(serviceId, specVersion, nowMs);
  return {
    info,
    failures: failures < FAILURES_TO_AVOID ? 0 : failures,
    tasksOfService: info.tasksOfService(serviceId),
    reservedShare: info.reservedShare,
    tasks: info.tasks,
    hasImage: holders.has(info.node.id),
  };
}

/** Nodes where the version doesn't fail come first. */
export const byFailures: Ranking = (a, b) => a.failures - b.failures;

export function byStrategy(strategy: PlacementStrategy): Ranking {
  return strategy === PlacementStrategy.BINPACK ? binpack : spread;
}

/** Where the fewest of the service's tasks are, then the least reserved, then the fewest tasks at all. */
const spread: Ranking = (a, b) =>
  a.tasksOfService - b.tasksOfService || a.reservedShare - b.reservedShare || a.tasks - b.tasks || byImage(a, b);

const binpack: Ranking = (a, b) => b.reservedShare - a.reservedShare || b.tasks - a.tasks || byImage(a, b);

/** Only between nodes that are equal otherwise: else all would come to where the first was, as that has the image. */
function byImage(a: RankedNode, b: RankedNode): number {
  return Number(b.hasImage) - Number(a.hasImage) || byId(a, b);
}

function byId(a: RankedNode, b: RankedNode): number {
  return a.info.node.id < b.info.node.id ? -1 : 1;
}
