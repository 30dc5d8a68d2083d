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
  /** See {@link OtherPlatforms}. */
  readonly others: OtherPlatforms;
}

/**
 * By an index that names stand for: manifests of it that are here, too, for other platforms than what those names stand for.
 * When the last of those names goes they are images like any other, without a name.
 */
export type OtherPlatforms = ReadonlyMap<Digest, readonly Digest[]>;

/** What is on disk; the records are read from the content store. */
export interface StoredIndex {
  readonly images: readonly Digest[];
  readonly names: ReadonlyMap<string, NameRecord>;
  readonly others: OtherPlatforms;
}

const NOTHING: StoredIndex = { images: [], names: new Map(), others: new Map() };

export class ImageIndex {
  readonly #path: string;
  #state: IndexState = { images: new Map(), names: new Map(), others: new Map() };
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
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return NOTHING;
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
  return settleOthers({ ...state, names: new Map(state.names).set(name, record) });
}

export function withoutNames(state: IndexState, names: readonly string[]): IndexState {
  const rest = new Map(state.names);
  for (const name of names) rest.delete(name);
  return settleOthers({ ...state, names: rest });
}

export function withoutImages(state: IndexState, manifests: readonly Digest[]): IndexState {
  const rest = new Map(state.images);
  for (const manifest of manifests) rest.delete(manifest);
  return settleOthers({ ...state, images: rest });
}

/** What is beside no name, or not here, is no other any more. */
export function settleOthers(state: IndexState): IndexState {
  if (state.others.size === 0) return state;
  const named = new Map([...state.names.values()].map(({ target, manifest }) => [target, manifest]));
  const settled = [...state.others]
    .filter(([index]) => named.has(index))
    .map(([index, manifests]): [Digest, Digest[]] => [
      index,
      manifests.filter((digest) => digest !== named.get(index) && state.images.has(digest)),
    ]);
  return { ...state, others: new Map(settled.filter(([, manifests]) => manifests.length > 0)) };
}

function encodeIndex({ images, names, others }: IndexState): string {
  const document = {
    version: 1,
    images: [...images.keys()],
    names: Object.fromEntries(names),
    ...(others.size === 0 ? {} : { others: Object.fromEntries(others) }),
  };
  return JSON.stringify(document, null, 1);
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
  const others = Object.entries(optional(document.others, `${path}: others`, asObject) ?? {}).map(
    ([index, manifests]) => [asDigest(index, path), asDigests(manifests, `${path}: others`)] as const,
  );
  return { images: asDigests(document.images, `${path}: images`), names: new Map(names), others: new Map(others) };
}

function asDigests(value: unknown, path: string): Digest[] {
  return asArray(value, path).map((item) => asDigest(item, path));
}

function asDigest(value: unknown, path: string): Digest {
  const text = asString(value, `${path}: digest`);
  if (!isDigest(text)) throw new GantryError('CORRUPT', `${path}: ${JSON.stringify(text)} is not a digest`);
  return text;
}
