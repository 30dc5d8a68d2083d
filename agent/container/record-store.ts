/** The records of all containers on disk, one directory each. */
import { mkdirSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { ContainerId } from '../../proto/ids.ts';
import { lastRecord, RecordLines } from '../files/record-lines.ts';
import { type ContainerRecord, decodeRecord, encodeRecord } from './record.ts';

const FILE = 'container.json';

export class RecordStore {
  readonly #root: string;
  readonly #logger: Logger;
  readonly #lines = new RecordLines();

  constructor(root: string, logger: Logger) {
    this.#root = root;
    this.#logger = logger;
  }

  /** The container's own directory: its record and its log. */
  directory(id: string): string {
    return join(this.#root, id);
  }

  /**
   * Replaces the record. One that goes with its container's end is only kept from crashes of gantryd, and costs no
   * wait; others also from those of the host.
   */
  async save(record: ContainerRecord): Promise<void> {
    const path = join(this.directory(record.id), FILE);
    const text = encodeRecord(record);
    if (record.phase === 'creating') mkdirSync(dirname(path), { recursive: true, mode: 0o710 });
    if (record.config.autoRemove) this.#lines.write(path, text);
    else await this.#lines.writeSynced(path, text);
  }

  /** All that can be read; what can't is logged and left alone. */
  async load(): Promise<ContainerRecord[]> {
    mkdirSync(this.#root, { recursive: true, mode: 0o710 });
    const ids = await readdir(this.#root);
    const records = await Promise.all(ids.map((id) => this.#read(id as ContainerId)));
    return records.filter((record) => record !== undefined);
  }

  async #read(id: ContainerId): Promise<ContainerRecord | undefined> {
    const path = join(this.directory(id), FILE);
    try {
      return decodeRecord(path, lastRecord(await readFile(path, 'utf8')));
    } catch (error) {
      // The directory is made first and its record removed first: one without is the trace of a crash.
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') await this.#removeDirectory(id);
      else this.#logger.error({ err: error, path }, 'container record not readable');
      return undefined;
    }
  }

  /** The record goes first: a directory without one means nothing. */
  async remove(id: string): Promise<void> {
    const path = join(this.directory(id), FILE);
    this.#lines.forget(path);
    await rm(path, { force: true });
    await this.#removeDirectory(id);
  }

  async #removeDirectory(id: string): Promise<void> {
    await rm(this.directory(id), { recursive: true, force: true });
  }
}
