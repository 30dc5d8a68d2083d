/** Removing a container: each step is idempotent, and the record goes last, so that a crash can be picked up. */
import { rmSync } from 'node:fs';
import { GantryError } from '../../proto/errors.ts';
import { ContainerStatus } from '../../proto/generated/gantry/v1/engine.ts';
import type { ContainerEntry } from './container-entry.ts';
import { containerPaths } from './container-paths.ts';
import type { ContainerContext } from './context.ts';
import type { ContainerRecord } from './record.ts';
import { allSettledOrThrow } from './settled.ts';
import { removeTaskFiles } from './task-files.ts';

/** The caller has made sure that nothing of it runs, and holds its queue. `volumes`: its anonymous ones go, too. */
export async function removeContainer(
  context: ContainerContext,
  entry: ContainerEntry,
  volumes: boolean,
): Promise<void> {
  clearTimeout(entry.restartTimer);
  entry.record = {
    ...entry.record,
    phase: 'removing',
    state: { ...entry.record.state, status: ContainerStatus.REMOVING },
  };
  await context.store.save(entry.record);
  await allSettledOrThrow([
    removeFileSystem(context, entry.record),
    context.networks.teardown(entry.id),
    releaseVolumes(context, entry, volumes),
  ]);
  await context.logForwarding.release(entry.id);
  await context.store.remove(entry.id);
  if (context.index.has(entry.id)) {
    context.index.delete(entry);
    context.emit('remove', entry);
  }
  entry.rest.resolve(entry.record.state.exitCode);
  entry.removed.resolve();
}

async function removeFileSystem(context: ContainerContext, { id, images = [] }: ContainerRecord): Promise<void> {
  await context.snapshots.unmount(containerPaths(context.roots, id).rootfs);
  const keys = [id, ...images.map(({ key }) => key)];
  await Promise.all([...keys.map((key) => context.snapshots.remove(key)), removeBundle(context, id)]);
}

/** What is left under EXEC_ROOT, once the root file system is unmounted. */
export async function removeBundle(context: ContainerContext, id: string): Promise<void> {
  const paths = containerPaths(context.roots, id);
  await removeTaskFiles(context.native, paths.files);
  // A handful of small files: asking the thread pool for each takes longer than removing them.
  rmSync(paths.bundle, { recursive: true, force: true });
}

async function releaseVolumes(context: ContainerContext, { record }: ContainerEntry, remove: boolean): Promise<void> {
  for (const { name, anonymous } of record.volumes) {
    await context.volumes.release(name, record.id);
    if (anonymous && remove) await removeVolume(context, name);
  }
}

/** Another container may have it through its name by now, and an interrupted removal may have removed it. */
async function removeVolume(context: ContainerContext, name: string): Promise<void> {
  try {
    await context.volumes.remove(name);
  } catch (error) {
    if (!(error instanceof GantryError) || (error.code !== 'IN_USE' && error.code !== 'NOT_FOUND')) throw error;
    context.logger.debug({ err: error, volume: name }, 'anonymous volume not removed');
  }
}
