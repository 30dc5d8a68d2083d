/** Which of a node's images the cluster may yet need: for what it wants now, and for what it may be rolled back to. Pure. */
import { StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import type { NodeImage } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { hasEnded } from '../store/task.ts';
import { NodeImages } from './node-images.ts';

/** Ids. Any node may get a task of any service: it doesn't matter whose node it is. */
export function neededImages(read: ReadTransaction, images: readonly NodeImage[]): string[] {
  const holders = new NodeImages();
  // Each image as if a node had it alone: names are then found as users write them.
  for (const image of images) holders.report(image.id, { complete: true, put: [image], removed: [], partial: false });
  const needed = new Set<string>();
  for (const reference of wantedReferences(read)) {
    for (const id of holders.holdersOf(reference).keys()) needed.add(id);
    for (const { id } of images) if (isIdOf(reference, id)) needed.add(id);
  }
  return [...needed];
}

/** As users have written them. */
function wantedReferences(read: ReadTransaction): Set<string> {
  const references = new Set<string>();
  for (const { spec, previousSpec } of read.find('service', { by: 'all' })) {
    references.add(spec.task.container.image);
    if (previousSpec !== undefined) references.add(previousSpec.task.container.image);
  }
  for (const task of read.find('task', { by: 'all' })) if (!hasEnded(task)) references.add(task.spec.container.image);
  for (const version of read.find('stackVersion', { by: 'all' })) {
    for (const { task } of StackSpec.decode(version.spec).services) references.add(task?.container?.image ?? '');
  }
  references.delete('');
  return references;
}

/** An id in full, or its beginning. */
function isIdOf(reference: string, id: string): boolean {
  if (!/^(?:sha256:)?[0-9a-f]{4,64}$/.test(reference)) return false;
  return id.startsWith(reference.startsWith('sha256:') ? reference : `sha256:${reference}`);
}
