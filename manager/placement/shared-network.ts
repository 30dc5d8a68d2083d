/** Tasks that are on the network of another one, or in its namespaces: which, and for how long. Pure. */
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { sharedPart, sharedService } from '../../proto/shared-namespaces.ts';
import { slotName } from '../../proto/task-name.ts';
import type { ServiceObject } from '../store/service.ts';
import { hasEnded, isWanted, type TaskObject } from '../store/task.ts';

export type NetworkPeer =
  /** It has a network of its own. */
  | { readonly kind: 'own' }
  | { readonly kind: 'awaited'; readonly reason: string }
  /** It has a node, where its container may not run yet: that, the agent waits for. */
  | { readonly kind: 'task'; readonly task: TaskObject };

/** `host`: the service that is named, `tasks`: its. The newest of the slot that is wanted: an older one is about to go. */
export function chooseNetworkPeer(
  joining: Pick<TaskObject, 'spec' | 'slot' | 'nodeId'>,
  host: ServiceObject | undefined,
  tasks: readonly TaskObject[],
): NetworkPeer {
  const service = sharedService(joining.spec.container);
  const part = sharedPart(joining.spec.container);
  if (service === undefined) return { kind: 'own' };
  if (host === undefined) return awaited(`waiting for service ${service}, which does not exist, for its ${part}`);
  if (host.stopped) return awaited(`waiting for service ${service}, which is stopped, for its ${part}`);
  const candidates = tasks.filter((task) => isWanted(task) && !hasEnded(task) && slotName(task) === slotName(joining));
  const [newest] = candidates.sort(newestFirst);
  const name = `${service}.${slotName(joining)}`;
  if (newest === undefined) return awaited(`waiting for task ${name}, which there is not, for its ${part}`);
  if (newest.status.state < TaskState.ASSIGNED)
    return awaited(`waiting for task ${name} to get a node, for its ${part}`);
  return { kind: 'task', task: newest };
}

/** The task runs, or is about to, on the network of one that doesn't, or soon won't: another one must take its place. */
export function hasLostNetwork(
  { networkTaskId, status }: Pick<TaskObject, 'networkTaskId' | 'status'>,
  peer: Pick<TaskObject, 'desiredState' | 'status'> | undefined,
): boolean {
  // What it was for is done.
  if (networkTaskId === undefined || status.state === TaskState.COMPLETE) return false;
  return peer === undefined || !isWanted(peer) || hasEnded(peer);
}

function newestFirst(a: TaskObject, b: TaskObject): number {
  return createdVersion(b) - createdVersion(a) || b.meta.createdAtMs - a.meta.createdAtMs || (a.id < b.id ? -1 : 1);
}

/** One that is made in the running transaction is newer than all others. */
function createdVersion({ meta }: TaskObject): number {
  return meta.createdVersion === 0 ? Number.MAX_SAFE_INTEGER : meta.createdVersion;
}

function awaited(reason: string): NetworkPeer {
  return { kind: 'awaited', reason };
}
