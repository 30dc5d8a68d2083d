/** Why a task can't go to a node. All pure. A task is asked once what it wants, and each node only for that. */
import { NodeAvailability, NodeState, type PlacementStrategy } from '../../proto/generated/gantry/v1/types.ts';
import type { Holders } from '../images/node-images.ts';
import { type PlacementRules, unmetRule } from '../placement/rules.ts';
import { type NeedyNetwork, whatIsMissing } from '../store/network-needs.ts';
import type { TaskObject } from '../store/task.ts';
import { newestPart, newestPort, OLDEST_TASK_FORMAT } from '../store/task-format.ts';
import type { Homes } from '../volumes/homes.ts';
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
  /** Where its volumes are; undefined: nowhere yet. */
  readonly homes: Homes | undefined;
  /** Those of its networks that not every node may be able to have. */
  readonly needyNetworks: readonly NeedyNetwork[];
}

/** Of one node: undefined, or the reason in words. */
export type Filter = (info: NodeInfo) => string | undefined;

/** Those that can keep a node from the task at all, in the order in which a user would want to know. */
export function filtersOf(wanted: Wanted): readonly Filter[] {
  return [
    isReady,
    isAvailable,
    ...byAgent(wanted),
    ...byRules(wanted),
    ...byNetworks(wanted),
    ...byResources(wanted),
    ...byHostPorts(wanted),
    ...byReplicas(wanted),
    ...byPredecessors(wanted),
  ];
}

const isReady: Filter = ({ node }) => (node.status.state === NodeState.READY ? undefined : 'not ready');

const isAvailable: Filter = ({ node }) => {
  switch (node.spec.availability) {
    case NodeAvailability.PAUSE:
      return 'paused';
    case NodeAvailability.DRAIN:
      return 'drained';
    default:
      return undefined;
  }
};

/** An older agent would run the task without what it doesn't know of. */
function byAgent({ task }: Wanted): Filter[] {
  const part = newestPart(task.spec) ?? newestPort(task.ports);
  if (part === undefined) return [];
  const reason = `its gantryd is too old for ${part.what}`;
  return [({ node }) => ((node.description.taskFormat ?? OLDEST_TASK_FORMAT) < part.format ? reason : undefined)];
}

function byRules({ rules }: Wanted): Filter[] {
  const { constraints, platforms, imagePlatforms } = rules;
  if (constraints.length + platforms.length + imagePlatforms.length === 0) return [];
  return [({ node }) => unmetRule(rules, node)];
}

/** Between nodes, what is encrypted is so by WireGuard, which not every kernel has; a LAN is where its link is. */
function byNetworks({ needyNetworks }: Wanted): Filter[] {
  return needyNetworks.map(
    (network): Filter =>
      ({ node }) =>
        whatIsMissing(node, network),
  );
}

function byResources({ task }: Wanted): Filter[] {
  const { nanoCpus, memoryBytes } = reservationsOf(task);
  const filters: Filter[] = [];
  if (nanoCpus > 0) filters.push((info) => (nanoCpus > info.freeNanoCpus ? 'insufficient cpu' : undefined));
  if (memoryBytes > 0) filters.push((info) => (memoryBytes > info.freeMemoryBytes ? 'insufficient memory' : undefined));
  for (const { kind, count } of genericReservationsOf(task)) {
    filters.push((info) => {
      const { total, free } = info.genericUnits(kind);
      if (count <= free) return undefined;
      return total === 0 ? `no ${kind}` : `insufficient ${kind}`;
    });
  }
  return filters;
}

function byHostPorts({ task }: Wanted): Filter[] {
  return hostPortsOf(task).map(
    (port): Filter =>
      (info) =>
        info.holdsHostPort(port) ? `host port ${port} in use` : undefined,
  );
}

function byReplicas({ task, rules }: Wanted): Filter[] {
  const most = rules.maxReplicasPerNode;
  if (most === Number.POSITIVE_INFINITY) return [];
  const reason = `has ${most} of the service, the most it may have`;
  return [(info) => (info.tasksOfService(task.serviceId) < most ? undefined : reason)];
}

/** Of a node that was cut off, what has been replaced still runs when it is back: two would write into one volume. */
function byPredecessors({ task, homes }: Wanted): Filter[] {
  if (homes === undefined) return [];
  return [(info) => (info.isStopping(task) ? 'its predecessor has not stopped yet' : undefined)];
}
