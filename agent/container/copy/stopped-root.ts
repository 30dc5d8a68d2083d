/**
 * The file system of a container that doesn't run, put together as at its start: its volumes and binds are there, tmpfs are
 * empty anyway. What a crash leaves mounted, the next gantryd takes away with what a start has left.
 */
import { closeSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { GantryError } from '../../../proto/errors.ts';
import { openedPath } from '../../image/layer/tree-entry.ts';
import { specOf } from '../assemble.ts';
import type { ContainerEntry } from '../container-entry.ts';
import { containerPaths } from '../container-paths.ts';
import type { ContainerContext } from '../context.ts';
import { resolveMounts } from '../mount-sources.ts';
import { holdInRoot, makeDirectoryInRoot, resolveInRoot } from '../root-files.ts';
import type { ResolvedMount } from '../spec/mounts.ts';
import { lstatIfThere } from '../stat-if-there.ts';
import { VolumeParts } from '../volume-parts.ts';

const MS_RDONLY = 0x1;
const MS_REMOUNT = 0x20;
const MS_BIND = 0x1000;
const MS_PRIVATE = 0x40000;

type Bind = Extract<ResolvedMount, { kind: 'bind' }>;

/** In the container's queue. `use` is given the path of its root directory. */
export async function whileMounted(
  context: ContainerContext,
  entry: ContainerEntry,
  use: (rootfs: string) => Promise<void>,
): Promise<void> {
  const { bundle, rootfs } = containerPaths(context.roots, entry.id);
  const parts = new VolumeParts(context.native, context.roots.execRoot, entry.id);
  mkdirSync(bundle, { recursive: true, mode: 0o711 });
  try {
    const mounts = await resolveMounts(entry.record, context, parts);
    await context.snapshots.mount(entry.id, rootfs, 'durable');
    for (const mount of parentsFirst(mounts)) await bindInto(context, rootfs, mount);
    if (specOf(entry).readOnly) await context.native.mount('', rootfs, '', MS_REMOUNT | MS_BIND | MS_RDONLY, '');
    await parts.close();
    await use(rootfs);
  } finally {
    await context.snapshots.unmount(rootfs);
    await parts.close();
  }
}

function parentsFirst(mounts: readonly ResolvedMount[]): Bind[] {
  const depth = ({ target }: Bind) => posix.normalize(target).split('/').length;
  return mounts.filter((mount) => mount.kind === 'bind').sort((left, right) => depth(left) - depth(right));
}

/**
 * Private, and without what is mounted below its source: lazily unmounted, either would be taken from the host, too.
 * Others may write to what the container shares with them: each place is held while something is mounted there.
 */
async function bindInto(
  { native }: ContainerContext,
  rootfs: string,
  { source, target, readOnly }: Bind,
): Promise<void> {
  makePlace(rootfs, target, statSync(source).isDirectory());
  await atPlace(rootfs, target, (place) => native.mount(source, place, '', MS_BIND, ''));
  await atPlace(rootfs, target, (place) => native.mount('', place, '', MS_PRIVATE, ''));
  if (readOnly)
    await atPlace(rootfs, target, (place) => native.mount('', place, '', MS_REMOUNT | MS_BIND | MS_RDONLY, ''));
}

function makePlace(rootfs: string, target: string, isDirectory: boolean): void {
  makeDirectoryInRoot(rootfs, isDirectory ? target : dirname(target));
  const place = resolveInRoot(rootfs, target);
  if (lstatIfThere(place) === undefined) writeFileSync(place, '', { flag: 'wx' });
}

async function atPlace(rootfs: string, target: string, work: (place: string) => Promise<void>): Promise<void> {
  const fd = holdInRoot(rootfs, target);
  if (fd === undefined) throw new GantryError('HOST', `there is no ${target} in the container to mount at`);
  try {
    await work(openedPath(fd));
  } finally {
    closeSync(fd);
  }
}
