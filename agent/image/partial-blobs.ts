/**
 * What has come of blobs that are still missing: DATA_ROOT/content/partial/HEX is the beginning of the blob with that
 * digest, or all of it. It outlives the process, so that the next pull goes on where this one was cut off; nothing of it
 * is believed before the whole has been hashed. What nobody goes on with for a day is removed, and what fails or is given up
 * at once.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../proto/ids.ts';

const STALE_MS = 24 * 60 * 60_000;

export class PartialBlobs {
  readonly #dir: string;
  /** Names of those that are being written. */
  readonly #open = new Set<string>();
  #isKept: boolean = false;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Before any other call. */
  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
  }

  /** The file to go on with, for one at a time: undefined while somebody else does. {@link release} ends it. */
  take(digest: Digest): string | undefined {
    const name = nameOf(digest);
    if (this.#open.has(name)) return undefined;
    this.#open.add(name);
    return join(this.#dir, name);
  }

  /** From now on what is broken off stays: this process is about to end. */
  keep(): void {
    this.#isKept = true;
  }

  get isKept(): boolean {
    return this.#isKept;
  }

  release(digest: Digest): void {
    this.#open.delete(nameOf(digest));
  }

  /** Bytes that have come. */
  size(digest: Digest): number {
    return statSync(join(this.#dir, nameOf(digest)), { throwIfNoEntry: false })?.size ?? 0;
  }

  /** The blob is there: what has come of it is of no use any more. */
  drop(digest: Digest): void {
    if (!this.#open.has(nameOf(digest))) rmSync(join(this.#dir, nameOf(digest)), { force: true });
  }

  /** Takes a whole blob that nobody needs yet: somebody was bringing it for an image. */
  setAside(path: string, digest: Digest, nowMs: number): void {
    const place = join(this.#dir, nameOf(digest));
    if (this.#open.has(nameOf(digest))) {
      rmSync(path, { force: true });
      return;
    }
    renameSync(path, place);
    utimesSync(place, nowMs / 1000, nowMs / 1000);
  }

  /** Removes what nobody goes on with. */
  removeStale(nowMs: number): void {
    this.#remove(({ mtimeMs }) => mtimeMs < nowMs - STALE_MS);
  }

  /** Removes all that isn't being written. Returns how many bytes that were. */
  removeAll(): number {
    return this.#remove(() => true);
  }

  #remove(isUnwanted: (file: { readonly mtimeMs: number }) => boolean): number {
    mkdirSync(this.#dir, { recursive: true });
    let bytes = 0;
    for (const name of readdirSync(this.#dir)) {
      if (this.#open.has(name)) continue;
      const path = join(this.#dir, name);
      const file = statSync(path, { throwIfNoEntry: false });
      if (file === undefined || !isUnwanted(file)) continue;
      rmSync(path, { force: true });
      bytes += file.size;
    }
    return bytes;
  }
}

function nameOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}
