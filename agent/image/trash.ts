/** Directories that are gone at once and deleted by and by: renamed into a trash directory first. */
import { renameSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { RandomBytes } from '../../proto/ids.ts';

export class Trash {
  readonly #dir: string;
  readonly #random: RandomBytes;
  readonly #logger: Logger;
  /** Deletions follow one another, so that they don't take the disk from those who wait for it. */
  #work: Promise<void> = Promise.resolve();

  /** `dir` must be on the file system of what is thrown away. */
  constructor(options: { readonly dir: string; readonly random: RandomBytes; readonly logger: Logger }) {
    this.#dir = options.dir;
    this.#random = options.random;
    this.#logger = options.logger;
  }

  /** Makes the directory, and goes on with what the last process left in it. */
  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    for (const name of await readdir(this.#dir)) this.#delete(name);
  }

  /** When this resolves, nothing lies at `path`. Idempotent. */
  async discard(path: string): Promise<void> {
    const name = this.#random(8).toString('hex');
    try {
      await rename(path, join(this.#dir, name));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
      throw error;
    }
    this.#delete(name);
  }

  /** Like {@link discard}, without giving way to anybody. */
  discardNow(path: string): void {
    const name = this.#random(8).toString('hex');
    try {
      renameSync(path, join(this.#dir, name));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
      throw error;
    }
    this.#delete(name);
  }

  /** When all that was discarded is deleted. */
  async settled(): Promise<void> {
    await this.#work;
  }

  #delete(name: string): void {
    this.#work = this.#work
      .then(() => rm(join(this.#dir, name), { recursive: true, force: true }))
      .catch((error: unknown) =>
        this.#logger.warn({ err: error, name }, 'deleting discarded files failed; the next start tries again'),
      );
  }
}
