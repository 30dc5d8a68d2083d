/** Pins come with the first task of a slot that starts with a volume, and go with the volume, or with the node. */
import type { NodeVolumes } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { containerName, slotName } from '../../proto/task-name.ts';
import { expandServiceTemplate } from '../../proto/template/service-template.ts';
import { TemplateError } from '../../proto/template/syntax.ts';
import { isHostPath, localVolumesOf } from '../store/local-volumes.ts';
import { FORMAT_OF_VOLUME_PINS } from '../store/state-format.ts';
import type { Store } from '../store/store.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { hasEnded, type TaskObject } from '../store/task.ts';
import type { WriteTransaction } from '../store/transaction.ts';
import { type VolumePinObject, volumePinId } from '../store/volume-pin.ts';

/**
 * Remembers where the data of the task's slot are, once the task may have written some. It belongs into the transaction
 * that says so: the task that comes next must see it. `mounted`: volumes that the node mounts from elsewhere,
 * and paths that it shares with others.
 */
export function pinVolumes(tx: WriteTransaction, task: TaskObject, mounted: ReadonlySet<string>): void {
  const sources = localVolumesOf(task.spec);
  // A task of a global service is where it is.
  if (sources.length === 0 || task.slot === 0 || !mayHaveWritten(task) || !areKnown(tx)) return;
  const { serviceName, slot, nodeId } = task;
  for (const source of sources) {
    const id = volumePinId(source, task);
    if (tx.get('volumePin', id) !== undefined) continue;
    const volume = nameOnNode(tx, source, task);
    // One that has the task's id in its name is nobody's after it.
    if (volume === undefined || volume.includes(task.id) || mounted.has(volume)) continue;
    tx.create('volumePin', { id, source, volume, serviceName, slot, nodeId });
  }
}

/** A manager that doesn't know of pins would take the transaction for none. */
function areKnown(read: ReadTransaction): boolean {
  return (read.find('cluster', { by: 'all' })[0]?.stateFormat ?? 0) >= FORMAT_OF_VOLUME_PINS;
}

function mayHaveWritten({ status }: TaskObject): boolean {
  if (status.state < TaskState.STARTING || status.state === TaskState.REJECTED) return false;
  // It has ended, maybe before it had a container.
  return status.state <= TaskState.RUNNING || status.containerId !== '';
}

/** Undefined for a template that can't be expanded: the node has rejected the task. */
function nameOnNode(read: ReadTransaction, source: string, task: TaskObject): string | undefined {
  const { hostname = '', platform } = read.get('node', task.nodeId)?.description ?? {};
  try {
    return expandServiceTemplate(source, {
      service: { id: task.serviceId, name: task.serviceName, labels: task.serviceLabels },
      node: { id: task.nodeId, hostname, os: platform?.os ?? '', architecture: platform?.architecture ?? '' },
      task: { id: task.id, name: containerName(task), slot: slotName(task) },
    });
  } catch (error) {
    if (error instanceof TemplateError) return undefined;
    throw error;
  }
}

/** Removes the pins to volumes that the node, by what it says, doesn't have or mounts from elsewhere. */
export async function unpinVolumes(store: Store, nodeId: string, volumes: NodeVolumes): Promise<void> {
  if (store.view((read) => needless(read, nodeId, volumes)).length === 0) return;
  await store.update((tx) => {
    for (const pin of needless(tx, nodeId, volumes)) tx.remove('volumePin', pin.id);
  });
}

function needless(read: ReadTransaction, nodeId: string, { names, mounted }: NodeVolumes): VolumePinObject[] {
  // Of host paths nodes say nothing.
  const pins = read.find('volumePin', { by: 'node', value: nodeId }).filter(({ volume }) => !isHostPath(volume));
  if (pins.length === 0) return pins;
  const [existing, elsewhere] = [new Set(names), new Set(mounted)];
  return pins.filter((pin) => elsewhere.has(pin.volume) || !(existing.has(pin.volume) || isAboutToBe(read, pin)));
}

/** A task of the slot is on its way there, or has made the volume since the node last looked. */
function isAboutToBe(read: ReadTransaction, { nodeId, serviceName, slot }: VolumePinObject): boolean {
  return read
    .find('task', { by: 'node', value: nodeId })
    .some((task) => task.serviceName === serviceName && task.slot === slot && !hasEnded(task));
}

/** Of a node that is removed: what it has is lost to the cluster. */
export function forgetPinsTo(tx: WriteTransaction, nodeId: string): void {
  for (const pin of tx.find('volumePin', { by: 'node', value: nodeId })) tx.remove('volumePin', pin.id);
}

/** Of a service that is removed: its volumes stay, and their names, but of paths nobody else could say that they are done with. */
export function forgetPathPins(tx: WriteTransaction, serviceName: string): void {
  for (const pin of tx.find('volumePin', { by: 'all' })) {
    if (pin.serviceName === serviceName && isHostPath(pin.volume)) tx.remove('volumePin', pin.id);
  }
}
