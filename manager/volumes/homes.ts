/**
 * Where the volumes are that a task mounts: the nodes that it may go to. Pure.
 *
 * A slot that has data goes where they are. One that has none yet goes where it likes, and has a volume of its own there;
 * unless other services mount the volume, too: then they mean to share it, and it goes to a node that has it.
 */
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { isHostPath, localVolumesOf } from '../store/local-volumes.ts';
import { nodeName } from '../store/node.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { hasEnded, type TaskObject } from '../store/task.ts';
import { sourceOfService, volumePinId } from '../store/volume-pin.ts';

export interface Homes {
  /** None when its volumes are on different nodes. */
  readonly nodeIds: readonly string[];
  /** Why it goes to no other node. */
  readonly reason: string;
}

/** Names of nodes in a reason. */
const NAMED = 3;

/** Undefined: anywhere. */
export function homesOf(read: ReadTransaction, task: TaskObject): Homes | undefined {
  const sources = localVolumesOf(task.spec);
  // A task of a global service is where it is.
  if (sources.length === 0 || task.slot === 0) return undefined;
  const found = sources.flatMap((source) => placeOf(read, task, source) ?? []);
  if (found.length === 0) return undefined;
  const nodeIds = found.map((place) => place.nodeIds).reduce((all, more) => all.filter((id) => more.includes(id)));
  return {
    nodeIds,
    reason: found.map(({ volume, nodeIds: ids }) => `${kindOf(volume)} ${volume} is on ${named(read, ids)}`).join(', '),
  };
}

function kindOf(volume: string): string {
  return isHostPath(volume) ? 'path' : 'volume';
}

interface Place {
  readonly volume: string;
  readonly nodeIds: readonly string[];
}

function placeOf(read: ReadTransaction, task: TaskObject, source: string): Place | undefined {
  const own = read.get('volumePin', volumePinId(source, task));
  if (own !== undefined) return { volume: own.volume, nodeIds: [own.nodeId] };
  const known = knownPlace(read, task, source);
  if (known !== undefined) return known;
  // What a template comes to depends on who mounts it.
  if (source.includes('{{') || !isShared(read, task, source)) return undefined;
  const pinned = read.find('volumePin', { by: 'source', value: source }).map(({ nodeId }) => nodeId);
  const onTheWay = read.find('task', { by: 'volume', value: source }).filter(isOnNode);
  const nodeIds = [...new Set([...pinned, ...onTheWay.map(({ nodeId }) => nodeId)])].sort();
  return nodeIds.length === 0 ? undefined : { volume: source, nodeIds };
}

/** Where it was when the service was deployed, on nodes that there still are. */
function knownPlace(read: ReadTransaction, { serviceId }: TaskObject, source: string): Place | undefined {
  const sources = read.get('service', serviceId)?.sources?.sources ?? [];
  const nodeIds = sources
    .find((one) => one.source === source)
    ?.nodeIds.filter((id) => read.get('node', id) !== undefined);
  return nodeIds === undefined || nodeIds.length === 0 ? undefined : { volume: source, nodeIds };
}

/** By a service that there is, or one of which the data are left. */
function isShared(read: ReadTransaction, { serviceId, serviceName }: TaskObject, source: string): boolean {
  const own = read.count('volumePin', 'sourceOfService', sourceOfService(source, serviceName));
  if (read.count('volumePin', 'source', source) > own) return true;
  return read.find('service', { by: 'volume', value: source }).some(({ id }) => id !== serviceId);
}

function isOnNode(task: TaskObject): boolean {
  return task.status.state >= TaskState.ASSIGNED && !hasEnded(task);
}

function named(read: ReadTransaction, nodeIds: readonly string[]): string {
  const names = nodeIds.slice(0, NAMED).map((id) => {
    const node = read.get('node', id);
    return node === undefined ? id : nodeName(node);
  });
  const more = nodeIds.length > NAMED ? ` and ${nodeIds.length - NAMED} more` : '';
  return `${nodeIds.length === 1 ? 'node' : 'nodes'} ${names.join(', ')}${more}`;
}
