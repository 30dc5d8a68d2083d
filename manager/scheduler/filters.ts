/** Why a task can't go to a node. Each filter is pure: undefined, or the reason in words. */
import { NodeAvailability, NodeState, type PlacementStrategy } from '../../proto/generated/gantry/v1/types.ts';
import type { Holders } from '../images/node-images.ts';
import { type PlacementRules, unmetRule } from '../placement/rules.ts';
import type { TaskObject } from '../store/task.ts';
import { genericReservationsOf } from './generic-units.ts';
import { hostPortsOf, type NodeInfo, reservationsOf } from './node-info.ts';

/** A task, and where its service says it may be. */
export interface Wanted {
  readonly task: TaskObject;
  readonly rules: PlacementRules;
  /** Its service's, or the cluster's. */
  readonly strategy: PlacementStrategy;
  /** Nodes that have its image. */
  readonly holders: Holders;
}

export type Filter = (wanted: Wanted, info: NodeInfo) => string | undefined;

export const isReady: Filter = (_wanted, { node }) => (node.status.state === NodeState.READY ? undefined : 'not ready');

export const isAvailable: Filter = (_wanted, { node }) => {
  switch (node.spec.availability) {
    case NodeAvailability.PAUSE:
      return 'paused';
    case NodeAvailability.DRAIN:
      return 'drained';
    default:
      return undefined;
  }
};

export const meetsRules: Filter = ({ rules }, { node }) => unmetRule(rules, node);

export const hasCpu: Filter = ({ task }, info) => {
  const wanted = reservationsOf(task).nanoCpus;
  return wanted > 0 && wanted > info.freeNanoCpus ? 'insufficient cpu' : undefined;
};

export const hasMemory: Filter = ({ task }, info) => {
  const wanted = reservationsOf(task).memoryBytes;
  return wanted > 0 && wanted > info.freeMemoryBytes ? 'insufficient memory' : undefined;
};

export const hasGenericResources: Filter = ({ task }, info) => {
  for (const { kind, count } of genericReservationsOf(task)) {
    const { total, free } = info.genericUnits(kind);
    if (count > free) return total === 0 ? `no ${kind}` : `insufficient ${kind}`;
  }
  return undefined;
};

export const hasHostPorts: Filter = ({ task }, info) => {
  const taken = hostPortsOf(task).find((port) => info.holdsHostPort(port));
  return taken === undefined ? undefined : `host port ${taken} in use`;
};

export const isBelowMaxReplicas: Filter = ({ task, rules }, info) =>
  info.tasksOfService(task.serviceId) < rules.maxReplicasPerNode
    ? undefined
    : `has ${rules.maxReplicasPerNode} of the service, the most it may have`;

/** In the order in which a user would want to know. */
export const FILTERS: readonly Filter[] = [
  isReady,
  isAvailable,
  meetsRules,
  hasCpu,
  hasMemory,
  hasGenericResources,
  hasHostPorts,
  isBelowMaxReplicas,
];
