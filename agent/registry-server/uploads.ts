/**
 * Blobs on their way in: ID is what has come of one, ID.json says for which repository, both in the content store's
 * directory of uploads. A client whose connection broke, or whose upload outlived gantryd, asks how much has come and goes on.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { toGantryError } from '../../proto/errors.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { writeFileAtomically } from '../image/atomic-file.ts';
import { BlobWriter } from '../image/blob-writer.ts';
import type { ImageStore } from '../image/image-store.ts';
import { asObject, asString, parseJson } from '../image/json-fields.ts';
import { RegistryError } from './registry-error.ts';
import { Upload } from './upload.ts';

/** Whoever begins one and goes away leaves a file. */
const MOST_UPLOADS = 256;
/** Nothing came for so long: it is abandoned. */
const IDLE_MS = 30 * 60_000;
const RECORD = '.json';

/** One that nobody has asked for since gantryd started: its bytes are yet to be hashed. */
interface RestingUpload {
  readonly repository: string;
  readonly touchedAtMs: number;
  readonly isBusy: false;
}

export interface UploadsParts {
  readonly images: Pick<ImageStore, 'garbage' | 'content'>;
  readonly now: () => number;
  readonly random: RandomBytes;
  readonly logger: Logger;
}

export class Uploads {
  readonly #parts: UploadsParts;
  readonly #uploads = new Map<string, Upload | RestingUpload>();
  readonly #waking = new Map<string, Promise<Upload>>();

  constructor(parts: UploadsParts) {
    this.#parts = parts;
  }

  /** Finds what clients had begun with the last process. Before any other call. */
  async open(): Promise<void> {
    const names = await readdir(this.#directory);
    for (const id of names.filter((name) => !name.endsWith(RECORD))) await this.#restore(id);
    const orphans = names.filter((name) => !this.#uploads.has(name.replace(RECORD, '')));
    for (const name of orphans) await rm(join(this.#directory, name), { force: true });
  }

  /** Throws TOOMANYREQUESTS. */
  async begin(repository: string): Promise<Upload> {
    if (this.#uploads.size >= MOST_UPLOADS) {
      throw new RegistryError('TOOMANYREQUESTS', `there are ${MOST_UPLOADS} uploads already`, {
        headers: { 'retry-after': '5' },
      });
    }
    const id = this.#parts.random(16).toString('hex');
    await writeFileAtomically(this.#path(id) + RECORD, JSON.stringify({ repository }));
    return await this.#open(id, repository);
  }

  /** Throws BLOB_UPLOAD_UNKNOWN. */
  async find(repository: string, id: string): Promise<Upload> {
    const upload = this.#uploads.get(id);
    if (upload?.repository !== repository) {
      throw new RegistryError('BLOB_UPLOAD_UNKNOWN', 'there is no such upload: it has ended, or was abandoned');
    }
    if (upload instanceof Upload) return upload;
    const waking = this.#waking.get(id) ?? this.#open(id, repository).finally(() => this.#waking.delete(id));
    this.#waking.set(id, waking);
    return await waking;
  }

  /** It is gone, whether or not it became a blob. */
  async end(upload: Upload): Promise<void> {
    this.#uploads.delete(upload.id);
    await rm(this.#path(upload.id) + RECORD, { force: true });
    await upload.abort();
  }

  /** Ends those that nothing comes of any more. */
  async endAbandoned(): Promise<void> {
    const before = this.#parts.now() - IDLE_MS;
    for (const [id, upload] of [...this.#uploads]) {
      if (upload.isBusy || upload.touchedAtMs >= before || this.#waking.has(id)) continue;
      if (upload instanceof Upload) await this.end(upload);
      else await this.#remove(id);
    }
  }

  /** What has come stays for the next process. */
  async close(): Promise<void> {
    for (const upload of [...this.#uploads.values()]) if (upload instanceof Upload) await upload.suspend();
    this.#uploads.clear();
  }

  async #restore(id: string): Promise<void> {
    const path = this.#path(id);
    try {
      const fields = asObject(parseJson(await readFile(path + RECORD), path), path);
      const { mtimeMs } = await stat(path);
      const repository = asString(fields.repository, path);
      this.#uploads.set(id, { repository, touchedAtMs: mtimeMs, isBusy: false });
    } catch (error) {
      this.#parts.logger.warn({ err: toGantryError(error), path }, 'dropping an upload that cannot be gone on with');
    }
  }

  async #open(id: string, repository: string): Promise<Upload> {
    const lease = this.#parts.images.garbage.lease();
    try {
      const writer = await BlobWriter.resume(lease.content, this.#path(id));
      return this.#add(new Upload({ id, repository, writer, lease }, this.#parts.now()));
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  }

  #add(upload: Upload): Upload {
    this.#uploads.set(upload.id, upload);
    return upload;
  }

  async #remove(id: string): Promise<void> {
    this.#uploads.delete(id);
    await rm(this.#path(id) + RECORD, { force: true });
    await rm(this.#path(id), { force: true });
  }

  get #directory(): string {
    return this.#parts.images.content.uploads;
  }

  #path(id: string): string {
    return join(this.#directory, id);
  }
}
