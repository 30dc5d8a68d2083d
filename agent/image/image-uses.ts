/**
 * When containers of each image were last made or ended: DATA_ROOT/images/uses.json, rewritten now and then. What a crash takes
 * of it are the last minutes, in which nothing is removed anyway.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { type Digest, isDigest } from '../../proto/ids.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { asCount, asObject, parseJson } from './json-fields.ts';

export class ImageUses {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #usedAtMs = new Map<Digest, number>();
  #isSaved: boolean = true;

  /** `dir`: DATA_ROOT */
  constructor(dir: string, logger: Logger) {
    this.#path = join(dir, 'images', 'uses.json');
    this.#logger = logger;
  }

  /** Before any other call. A damaged file is as none: images then count as unused since they came. */
  async open(): Promise<void> {
    try {
      const fields = asObject(parseJson(await readFile(this.#path), this.#path), this.#path);
      for (const [id, time] of Object.entries(fields)) {
        if (isDigest(id)) this.#usedAtMs.set(id, asCount(time, `${this.#path}: ${id}`));
      }
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
      this.#logger.warn({ err: error }, 'what images were last used for is not known');
    }
  }

  /** 0: never, as far as is known. */
  usedAtMs(id: Digest): number {
    return this.#usedAtMs.get(id) ?? 0;
  }

  note(id: Digest, nowMs: number): void {
    this.#usedAtMs.set(id, nowMs);
    this.#isSaved = false;
  }

  /** Writes what has changed; of images alone that are there. */
  async save(present: ReadonlySet<Digest>): Promise<void> {
    if (this.#isSaved) return;
    this.#isSaved = true;
    for (const id of this.#usedAtMs.keys()) if (!present.has(id)) this.#usedAtMs.delete(id);
    await mkdir(dirname(this.#path), { recursive: true });
    await writeFileAtomically(this.#path, JSON.stringify(Object.fromEntries(this.#usedAtMs)));
  }
}
