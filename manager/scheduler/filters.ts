/** Why a task can't go to a node. Each filter is pure: undefined, or the reason in words. */
import { NodeAvailability, NodeState } from '../../proto/generated/gantry/v1/types.ts';
import type { TaskObject } from '../store/task.ts';
import { hostPortsOf, type NodeInfo, reservationsOf } from './node-info.ts';

export type Filter = (task: TaskObject, info: NodeInfo) => string | undefined;

export const isReady: Filter = (_task, { node }) => (node.status.state === NodeState.READY ? undefined : 'not ready');

export const isAvailable: Filter = (_task, { node }) => {
  switch (node.spec.availability) {
    case NodeAvailability.PAUSE:
      return 'paused';
    case NodeAvailability.DRAIN:
      return 'drained';
    default:
      return undefined;
  }
};

export const hasCpu: Filter = (task, info) => {
  const wanted = reservationsOf(task).nanoCpus;
  return wanted > 0 && wanted > info.available.nanoCpus ? 'insufficient cpu' : undefined;
};

export const hasMemory: Filter = (task, info) => {
  const wanted = reservationsOf(task).memoryBytes;
  return wanted > 0 && wanted > info.available.memoryBytes ? 'insufficient memory' : undefined;
};

export const hasHostPorts: Filter = (task, info) => {
  const taken = hostPortsOf(task).find((port) => info.holdsHostPort(port));
  return taken === undefined ? undefined : `host port ${taken} in use`;
};

/** In the order in which a user would want to know. */
export const FILTERS: readonly Filter[] = [isReady, isAvailable, hasCpu, hasMemory, hasHostPorts];
