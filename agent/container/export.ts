/** A container's file system as a tar: what it sees itself, without volumes and other mounts. */
import { archiveTree } from '../image/layer/tree-archive.ts';
import type { ContainerEntry } from './container-entry.ts';
import { containerPaths } from './container-paths.ts';
import type { ContainerContext } from './context.ts';

/** Running or not; a running one may change it meanwhile. */
export async function* exportContainer(
  context: ContainerContext,
  entry: ContainerEntry,
): AsyncGenerator<Buffer, void, undefined> {
  const { rootfs } = containerPaths(context.roots, entry.id);
  const root = await context.snapshots.openMerged(entry.id, rootfs);
  try {
    yield* archiveTree(root, context.native);
  } finally {
    await root.close();
  }
}
