/**
 * The root directory of a container with all that is mounted in it: of one that runs as its processes see it, of one that
 * doesn't mounted for the time, during which it can't be started.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { GantryError } from '../../../proto/errors.ts';
import { DIRECTORY_FLAGS } from '../../image/layer/tree-entry.ts';
import type { ContainerEntry } from '../container-entry.ts';
import type { ContainerContext } from '../context.ts';
import { whileMounted } from './stopped-root.ts';

export interface ContainerRoot {
  readonly directory: FileHandle;
  close(): Promise<void>;
}

/** The caller closes it, also when nobody waits for it any more: until then a container that doesn't run can't be started. */
export async function openContainerRoot(context: ContainerContext, entry: ContainerEntry): Promise<ContainerRoot> {
  const opened = Promise.withResolvers<ContainerRoot>();
  const held = entry.queue.run(async () => {
    if (!context.index.has(entry.id)) {
      throw new GantryError('NOT_FOUND', `container ${entry.record.name} has been removed`);
    }
    const { run } = entry;
    if (run === undefined) await holdOpen(context, entry, opened, () => held);
    else opened.resolve(closing(await openRunning(entry.record.name, run.shim.pid)));
  });
  held.catch(opened.reject);
  return await opened.promise;
}

/** Until it is closed; `released` resolves when it is unmounted. */
async function holdOpen(
  context: ContainerContext,
  entry: ContainerEntry,
  opened: PromiseWithResolvers<ContainerRoot>,
  released: () => Promise<void>,
): Promise<void> {
  await whileMounted(context, entry, async (rootfs) => {
    const closed = Promise.withResolvers<void>();
    const directory = await open(rootfs, DIRECTORY_FLAGS);
    try {
      const close = async () => {
        closed.resolve();
        await released();
      };
      opened.resolve({ directory, close });
      await closed.promise;
    } finally {
      await directory.close();
    }
  });
}

function closing(directory: FileHandle): ContainerRoot {
  return { directory, close: () => directory.close() };
}

/** What its process has as its root, with the mounts of its namespace. Source: proc_pid_root(5). */
async function openRunning(name: string, pid: number): Promise<FileHandle> {
  try {
    return await open(`/proc/${pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (cause) {
    throw new GantryError('CONFLICT', `container ${name} ended while its files were opened`, {
      hint: 'try again',
      cause,
    });
  }
}
