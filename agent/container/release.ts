/** Gives back what a container holds while it runs. Idempotent: also finishes what a crash left half done. */
import type { ContainerEntry } from './container-entry.ts';
import { containerPaths } from './container-paths.ts';
import type { ContainerContext } from './context.ts';
import { allSettledOrThrow } from './settled.ts';

/** The process has ended. Its volumes stay acquired: they belong to the container as long as it is there. */
export async function release(context: ContainerContext, entry: ContainerEntry): Promise<void> {
  const { rootfs } = containerPaths(context.roots, entry.id);
  entry.record = { ...entry.record, sandbox: undefined };
  await allSettledOrThrow([context.snapshots.unmount(rootfs), context.networks.teardown(entry.id)]);
}
