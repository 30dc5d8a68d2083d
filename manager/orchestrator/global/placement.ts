/** Which nodes a global service has a task on. Pure. */
import { NodeAvailability } from '../../../proto/generated/gantry/v1/types.ts';
import { takesTasks } from '../../../proto/node-match.ts';
import { type PlacementRules, unmetDemand, unmetRule } from '../../placement/rules.ts';
import type { NodeObject } from '../../store/node.ts';
import type { Slot } from '../slots.ts';

export interface PlacementPlan {
  /** Nodes that get a task. */
  readonly create: readonly string[];
  /** Slots on nodes that have left the cluster, are drained, or don't meet the service's constraints any more. */
  readonly remove: readonly Slot[];
}

/** A node that is down or paused keeps what it has and gets nothing new. */
export function planPlacement(
  all: readonly NodeObject[],
  rules: PlacementRules,
  slots: readonly Slot[],
): PlacementPlan {
  const nodes = all.filter((node) => unmetDemand(rules, node) === undefined);
  const filled = new Set(slots.map((slot) => slot.nodeId));
  const staying = new Set(nodes.filter((node) => !isDrained(node)).map((node) => node.id));
  return {
    create: all.filter((node) => isEligible(node, rules) && !filled.has(node.id)).map((node) => node.id),
    remove: slots.filter((slot) => !staying.has(slot.nodeId)),
  };
}

/** How many tasks a global service is meant to have. */
export function eligibleNodes(nodes: readonly NodeObject[], rules: PlacementRules): number {
  return nodes.filter((node) => isEligible(node, rules)).length;
}

function isEligible(node: NodeObject, rules: PlacementRules): boolean {
  return takesTasks(node) && unmetRule(rules, node) === undefined;
}

function isDrained(node: NodeObject): boolean {
  return node.spec.availability === NodeAvailability.DRAIN;
}
