/**
 * Parts of volumes, and images, while containers that mount them are made: each is mounted at EXEC_ROOT/parts/ID-N by its descriptor, so
 * that who writes to the volume can't put a link to somewhere else in its place, and from there into the container. Nothing
 * is ever removed there but empty directories and files that nothing is mounted on: what is mounted is a user's data.
 */
import { closeSync, fstatSync, mkdirSync, readdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Native } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';
import type { Snapshots } from '../image/images.ts';
import { holdInRoot } from './root-files.ts';

const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_PRIVATE = 0x40000;
const MNT_DETACH = 2;

type Mounting = Pick<Native, 'mount' | 'unmount' | 'mountFrom'>;

export function partsRoot(execRoot: string): string {
  return join(execRoot, 'parts');
}

export class VolumeParts {
  readonly #native: Mounting;
  readonly #dir: string;
  readonly #containerId: string;
  readonly #places: string[] = [];

  constructor(native: Mounting, execRoot: string, containerId: string) {
    this.#native = native;
    this.#dir = partsRoot(execRoot);
    this.#containerId = containerId;
  }

  /** Where the part is mounted, until `close`. `what` it is a part of: "volume data". INVALID_ARGUMENT when there is no such part. */
  async open(what: string, mountpoint: string, subpath: string): Promise<string> {
    const fd = holdInRoot(mountpoint, subpath);
    if (fd === undefined) {
      throw new GantryError('INVALID_ARGUMENT', `${what} has no ${subpath}`, { hint: 'mount what there is' });
    }
    try {
      const place = this.#place();
      if (fstatSync(fd).isDirectory()) mkdirSync(place, { recursive: true });
      else writeFileSync(place, '');
      await this.#native.mount(`/proc/self/fd/${fd}`, place, '', MS_BIND | MS_REC, '');
      return place;
    } finally {
      closeSync(fd);
    }
  }

  /** Where the snapshot of an image is mounted, until `close`. */
  async openImage(snapshots: Pick<Snapshots, 'mount'>, key: string): Promise<string> {
    const place = this.#place();
    await snapshots.mount(key, place, 'volatile');
    return place;
  }

  /** Where a directory of a container that runs, by its process, is mounted, until `close`. */
  async openOther(pid: number, directory: string): Promise<string> {
    const place = this.#place();
    mkdirSync(place, { recursive: true });
    await this.#native.mountFrom(`/proc/${pid}/ns/mnt`, directory, place);
    return place;
  }

  #place(): string {
    const place = join(this.#dir, `${this.#containerId}-${this.#places.length}`);
    this.#places.push(place);
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    return place;
  }

  /** Once they are mounted in the container, or won't be. Backwards: a part of an image is on its mount. */
  async close(): Promise<void> {
    for (const place of this.#places.splice(0).reverse()) await clear(this.#native, place);
  }
}

/** What a gantryd that was killed has left. */
export async function clearParts(native: Pick<Native, 'mount' | 'unmount'>, execRoot: string): Promise<void> {
  for (const name of namesIn(partsRoot(execRoot))) await clear(native, join(partsRoot(execRoot), name));
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Below a shared mount, what is mounted is of one peer group with its copies (mount_namespaces(7)): detached here while it is,
 * what the user has mounted below the part of the volume would be gone there, too.
 */
async function clear(native: Pick<Native, 'mount' | 'unmount'>, place: string): Promise<void> {
  try {
    await native.mount('', place, '', MS_REC | MS_PRIVATE, '');
    await native.unmount(place, MNT_DETACH);
  } catch (error) {
    // Not mounted, or not there.
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOENT') throw error;
  }
  try {
    rmdirSync(place);
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') unlinkSync(place);
    else if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
