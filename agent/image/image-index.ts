/**
 * Which images there are and what they are called. In memory, so that a name resolves without I/O; on disk as one
 * JSON file, rewritten as a whole: it changes a few times an hour, has one writer, stays below a megabyte with a
 * thousand images, and can be read and mended with an editor, which a database could not.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import { writeFileAtomically } from './atomic-file.ts';
import type { ImageDocument } from './image-config.ts';
import { asArray, asCount, asObject, asString, optional, parseJson } from './json-fields.ts';
import type { Manifest } from './manifest.ts';

export interface ImageRecord {
  /** Digest of the config. */
  readonly id: Digest;
  readonly manifestDigest: Digest;
  readonly manifest: Manifest;
  readonly document: ImageDocument;
  /** Of its layers, lowest first. */
  readonly chainIds: readonly Digest[];
}

export interface NameRecord {
  /** What a registry has under this name: the manifest, or an index that it was chosen from. */
  readonly target: Digest;
  readonly manifest: Digest;
  /** When the image got it here; undefined: before that was written down. */
  readonly taggedAtMs?: number | undefined;
}

export interface IndexState {
  /** By manifest digest; those without a name are dangling. */
  readonly images: ReadonlyMap<Digest, ImageRecord>;
  /** By canonical name with tag; and by NAME@DIGEST those that a registry has under it. */
  readonly names: ReadonlyMap<string, NameRecord>;
}

/** What is on disk; the records are read from the content store. */
export interface StoredIndex {
  readonly images: readonly Digest[];
  readonly names: ReadonlyMap<string, NameRecord>;
}

export class ImageIndex {
  readonly #path: string;
  #state: IndexState = { images: new Map(), names: new Map() };
  #writing: Promise<unknown> = Promise.resolve();
  readonly #listeners = new Set<() => void>();

  constructor(dir: string) {
    this.#path = join(dir, 'images', 'images.json');
  }

  get state(): IndexState {
    return this.#state;
  }

  /** What the last process wrote; nothing on a new host. */
  async read(): Promise<StoredIndex> {
    await mkdir(dirname(this.#path), { recursive: true });
    let data: Buffer;
    try {
      data = await readFile(this.#path);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { images: [], names: new Map() };
      throw error;
    }
    return parseIndex(data, this.#path);
  }

  /** `listener` is called when the state has changed, until the returned function is. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a state as the present one without writing it: after {@link read}. */
  restore(state: IndexState): void {
    this.#state = state;
  }

  /**
   * Replaces the state by what `change` makes of it; resolves when that is on disk. Changes follow one another, and
   * one that throws changes nothing.
   */
  async update(change: (state: IndexState) => IndexState): Promise<void> {
    const work = this.#writing.then(async () => {
      const next = change(this.#state);
      await writeFileAtomically(this.#path, encodeIndex(next));
      this.#state = next;
      for (const listener of this.#listeners) listener();
    });
    // The next change waits for this one, whatever comes of it; this one's failure goes to its caller.
    this.#writing = work.catch(() => undefined);
    await work;
  }
}

export function withImage(state: IndexState, record: ImageRecord): IndexState {
  return { ...state, images: new Map(state.images).set(record.manifestDigest, record) };
}

/** The name now means this image; the one it meant before stays, dangling if it had no other. */
export function withName(state: IndexState, name: string, record: NameRecord): IndexState {
  return { ...state, names: new Map(state.names).set(name, record) };
}

export function withoutNames(state: IndexState, names: readonly string[]): IndexState {
  const rest = new Map(state.names);
  for (const name of names) rest.delete(name);
  return { ...state, names: rest };
}

export function withoutImages(state: IndexState, manifests: readonly Digest[]): IndexState {
  const rest = new Map(state.images);
  for (const manifest of manifests) rest.delete(manifest);
  return { ...state, images: rest };
}

function encodeIndex({ images, names }: IndexState): string {
  return JSON.stringify({ version: 1, images: [...images.keys()], names: Object.fromEntries(names) }, null, 1);
}

function parseIndex(data: Buffer, path: string): StoredIndex {
  const document = asObject(parseJson(data, path), path);
  const version = asCount(document.version, `${path}: version`);
  if (version !== 1)
    throw new GantryError('CORRUPT', `${path} has version ${version}: it was written by a newer Gantry`);
  const names = Object.entries(asObject(document.names, `${path}: names`)).map(([name, value]) => {
    const fields = asObject(value, `${path}: ${name}`);
    const record: NameRecord = {
      target: asDigest(fields.target, path),
      manifest: asDigest(fields.manifest, path),
      taggedAtMs: optional(fields.taggedAtMs, `${path}: ${name}`, asCount),
    };
    return [name, record] as const;
  });
  return {
    images: asArray(document.images, `${path}: images`).map((value) => asDigest(value, path)),
    names: new Map(names),
  };
}

function asDigest(value: unknown, path: string): Digest {
  const text = asString(value, `${path}: digest`);
  if (!isDigest(text)) throw new GantryError('CORRUPT', `${path}: ${JSON.stringify(text)} is not a digest`);
  return text;
}
