/** `cp`: files of a container as a tar, and a tar's files in a container; running or not, with its volumes. */
import { basename } from 'node:path';
import { GantryError, toGantryError } from '../../../proto/errors.ts';
import { decompress } from '../../image/compression.ts';
import { extractInto } from '../../image/extraction.ts';
import { archivePath } from '../../image/layer/tree-archive.ts';
import { specOf, userOf } from '../assemble.ts';
import type { ContainerEntry } from '../container-entry.ts';
import { containerPaths } from '../container-paths.ts';
import type { CopyTarget, PathStat } from '../containers.ts';
import type { ContainerContext } from '../context.ts';
import { openContainerRoot } from './container-root.ts';
import { type FoundPath, linkTarget, openPath } from './path-in-root.ts';

/** Throws NOT_FOUND. */
export async function statPath(context: ContainerContext, entry: ContainerEntry, path: string): Promise<PathStat> {
  return await withRoot(context, entry, async (root) => {
    const found = find(entry, root, path);
    try {
      const target = found.stats.isSymbolicLink() ? linkTarget(root, path) : '';
      return { name: basename(found.path), stats: found.stats, linkTarget: target };
    } finally {
      found.close();
    }
  });
}

/** A tar of what lies there; its entries are called `name`, and in a directory `name`/... Throws NOT_FOUND. */
export async function* copyFrom(
  context: ContainerContext,
  entry: ContainerEntry,
  path: string,
  name: string,
): AsyncGenerator<Buffer, void, undefined> {
  const root = await openContainerRoot(context, entry);
  try {
    const found = find(entry, root.directory.fd, path);
    try {
      yield* archivePath(found.at, name, context.native);
    } finally {
      found.close();
    }
  } finally {
    await root.close();
  }
}

/** Nothing leads out of the container. What was written before an error stays. */
export async function copyTo(
  context: ContainerContext,
  entry: ContainerEntry,
  { directory, owner }: CopyTarget,
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const { rootfs } = containerPaths(context.roots, entry.id);
  const { user } = specOf(entry);
  await withRoot(context, entry, async (root) => {
    const ids = owner === 'user' && user !== '' ? userOf(rootfs, user, []) : undefined;
    const target = { root, directory, owner: ids && { uid: ids.uid, gid: ids.gid } };
    try {
      await extractInto(target, decompress(archive), signal);
    } catch (error) {
      throw inContainer(entry.record.name, directory, error);
    }
  });
}

/** See openPath. */
function find({ record }: ContainerEntry, root: number, path: string): FoundPath {
  try {
    return openPath(root, path);
  } catch (error) {
    if (!(error instanceof GantryError)) throw error;
    throw new GantryError(error.code, `${error.message} in container ${record.name}`, { cause: error });
  }
}

async function withRoot<T>(
  context: ContainerContext,
  entry: ContainerEntry,
  work: (root: number) => Promise<T>,
): Promise<T> {
  const root = await openContainerRoot(context, entry);
  try {
    return await work(root.directory.fd);
  } finally {
    await root.close();
  }
}

function inContainer(name: string, directory: string, error: unknown): GantryError {
  const { code, message, hint } = toGantryError(error);
  const where = `copying to ${name}:${directory}`;
  if (message.includes('EROFS')) {
    return new GantryError('PERMISSION_DENIED', `${where}: it is mounted read-only there`, { cause: error });
  }
  return new GantryError(code, `${where}: ${message}`, { hint, cause: error });
}
