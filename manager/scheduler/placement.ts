/** What happens to one pending task. Pure. */
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { rulesOf } from '../placement/rules.ts';
import type { ServiceObject } from '../store/service.ts';
import { isWanted, type TaskObject } from '../store/task.ts';
import type { NodeInfo } from './node-info.ts';
import { type Choice, chooseNode } from './pipeline.ts';

export type Placement =
  /** Not to be placed: somebody else decides when. */
  | { readonly outcome: 'held' }
  | { readonly outcome: 'not-before'; readonly timeMs: number }
  | { readonly outcome: 'assigned'; readonly nodeId: string }
  | { readonly outcome: 'unplaceable'; readonly reason: string };

/** `service` is undefined when it has been removed. */
export function place(
  task: TaskObject,
  service: ServiceObject | undefined,
  nodes: ReadonlyMap<string, NodeInfo>,
  nowMs: number,
): Placement {
  if (task.status.state >= TaskState.ASSIGNED || !isWanted(task)) return { outcome: 'held' };
  if (service === undefined || service.pendingDelete || !service.dependenciesMet) return { outcome: 'held' };
  if (nowMs < task.startAfterMs) return { outcome: 'not-before', timeMs: task.startAfterMs };
  const wanted = { task, rules: rulesOf(service.spec.placement) };
  const choice: Choice = chooseNode(wanted, candidates(task, nodes), nodes.values(), nowMs);
  if ('reason' in choice) return { outcome: 'unplaceable', reason: choice.reason };
  return { outcome: 'assigned', nodeId: choice.info.node.id };
}

/** A task of a global service has its node from the start. */
function candidates(task: TaskObject, nodes: ReadonlyMap<string, NodeInfo>): Iterable<NodeInfo> {
  if (task.nodeId === '') return nodes.values();
  const info = nodes.get(task.nodeId);
  return info === undefined ? [] : [info];
}
