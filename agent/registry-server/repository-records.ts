/**
 * What has been pushed: DATA_ROOT/registry/repositories/HASH.json, one file for each repository, rewritten as a whole. In
 * memory too, so that a name resolves without I/O. The blobs lie in the content store, with those of images.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import { writeFileAtomically } from '../image/atomic-file.ts';
import { asArray, asCount, asObject, asString, asStringMap, optional, parseJson } from '../image/json-fields.ts';

export interface ManifestRecord {
  readonly mediaType: string;
  readonly size: number;
  /** Blobs, and manifests of an index. */
  readonly needs: readonly Digest[];
  readonly subject: Digest | undefined;
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RepositoryRecord {
  readonly tags: ReadonlyMap<string, Digest>;
  readonly manifests: ReadonlyMap<Digest, ManifestRecord>;
}

export const EMPTY_REPOSITORY: RepositoryRecord = { tags: new Map(), manifests: new Map() };

export class RepositoryRecords {
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #repositories = new Map<string, RepositoryRecord>();
  #writing: Promise<unknown> = Promise.resolve();

  /** `dir`: DATA_ROOT */
  constructor(dir: string, logger: Logger) {
    this.#directory = join(dir, 'registry', 'repositories');
    this.#logger = logger;
  }

  /** Before any other call. A repository that can't be read is left out, and said. */
  async open(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    for (const file of (await readdir(this.#directory)).filter((name) => name.endsWith('.json'))) {
      const path = join(this.#directory, file);
      try {
        const { name, record } = parseRecord(await readFile(path), path);
        this.#repositories.set(name, record);
      } catch (error) {
        this.#logger.error({ err: toGantryError(error), path }, 'leaving out a repository that cannot be read');
      }
    }
  }

  find(repository: string): RepositoryRecord | undefined {
    return this.#repositories.get(repository);
  }

  names(): Iterable<string> {
    return this.#repositories.keys();
  }

  /** All that must stay in the content store. */
  blobs(): Set<Digest> {
    const all = new Set<Digest>();
    for (const { manifests } of this.#repositories.values()) {
      for (const [digest, { needs }] of manifests) for (const blob of [digest, ...needs]) all.add(blob);
    }
    return all;
  }

  /** Resolves when what `change` makes of it is on disk. Changes follow one another; one that throws changes nothing. */
  async update(repository: string, change: (record: RepositoryRecord) => RepositoryRecord): Promise<void> {
    const work = this.#writing.then(async () => {
      const next = change(this.#repositories.get(repository) ?? EMPTY_REPOSITORY);
      const path = join(this.#directory, `${fileName(repository)}.json`);
      if (next.manifests.size > 0) {
        await writeFileAtomically(path, encodeRecord(repository, next));
        this.#repositories.set(repository, next);
      } else {
        await rm(path, { force: true });
        this.#repositories.delete(repository);
      }
    });
    // The next change waits for this one, whatever comes of it; this one's failure goes to its caller.
    this.#writing = work.catch(() => undefined);
    await work;
  }
}

/** Names have slashes, and may be longer than a file's. */
function fileName(repository: string): string {
  return createHash('sha256').update(repository).digest('hex');
}

function encodeRecord(name: string, { tags, manifests }: RepositoryRecord): string {
  const fields = { version: 1, name, tags: Object.fromEntries(tags), manifests: Object.fromEntries(manifests) };
  return JSON.stringify(fields, null, 1);
}

function parseRecord(data: Buffer, path: string): { readonly name: string; readonly record: RepositoryRecord } {
  const document = asObject(parseJson(data, path), path);
  const version = asCount(document.version, `${path}: version`);
  if (version !== 1) throw new GantryError('CORRUPT', `${path} has version ${version}: a newer Gantry has written it`);
  const tags = Object.entries(asObject(document.tags, `${path}: tags`));
  const manifests = Object.entries(asObject(document.manifests, `${path}: manifests`));
  return {
    name: asString(document.name, `${path}: name`),
    record: {
      tags: new Map(tags.map(([tag, digest]) => [tag, asDigest(digest, path)])),
      manifests: new Map(
        manifests.map(([digest, fields]) => [asDigest(digest, path), parseManifestRecord(fields, path)]),
      ),
    },
  };
}

function parseManifestRecord(value: unknown, path: string): ManifestRecord {
  const fields = asObject(value, path);
  return {
    mediaType: asString(fields.mediaType, `${path}: mediaType`),
    size: asCount(fields.size, `${path}: size`),
    needs: asArray(fields.needs, `${path}: needs`).map((digest) => asDigest(digest, path)),
    subject: optional(fields.subject, path, asDigest),
    artifactType: asString(fields.artifactType, `${path}: artifactType`),
    annotations: asStringMap(fields.annotations, `${path}: annotations`),
  };
}

function asDigest(value: unknown, path: string): Digest {
  const text = asString(value, `${path}: digest`);
  if (!isDigest(text)) throw new GantryError('CORRUPT', `${path}: ${JSON.stringify(text)} is not a digest`);
  return text;
}
