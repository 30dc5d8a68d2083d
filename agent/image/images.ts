/** What the rest of the engine asks of images and of the file systems made from them. */
import type { FileHandle } from 'node:fs/promises';
import type {
  Image,
  ImageConfig,
  ImageDiskUsage,
  ImageHistoryEntry,
  ImagePruneResponse,
  PinnedImage,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';
import type { CommitRequest } from './commit.ts';
import type { PruneFilter } from './image-prune.ts';
import type { ImageReport } from './image-report.ts';
import type { Change } from './layer/changes.ts';

/** An image as it can be run. */
export interface RunnableImage {
  /** Digest of its config blob. */
  readonly id: Digest;
  /** The name it was found by, in familiar form, or its id. */
  readonly name: string;
  readonly config: ImageConfig;
  readonly os: string;
  readonly architecture: string;
}

export interface ImageFilter {
  /** Docker's filters, "key=value". Unknown keys throw INVALID_ARGUMENT. */
  readonly filters: readonly string[];
}

export interface ImportOptions {
  /** Empty: untagged. */
  readonly reference: string;
  readonly changes: readonly string[];
  readonly message: string;
  /** OS/ARCHITECTURE; empty: the host's. */
  readonly platform: string;
}

export interface Images {
  /** By name[:tag], name@digest, id or unambiguous id prefix. Throws IMAGE_NOT_FOUND, AMBIGUOUS, INVALID_ARGUMENT. */
  resolve(reference: string, platform?: string): Promise<RunnableImage>;
  list(filter: ImageFilter): Promise<Image[]>;
  inspect(reference: string, platform?: string): Promise<Image>;
  history(reference: string, platform?: string): Promise<ImageHistoryEntry[]>;
  tag(source: string, target: string): Promise<void>;
  /** By a name with a tag: from then on the image has a name by its digest, too, which stays when the tag goes to another one. */
  pin(reference: string): Promise<PinnedImage>;
  /**
   * Removes a name, and the image with its last name. IN_USE when a container was made from it (`isUsed`)
   * or, without `force`, when an id is given that has several names.
   */
  remove(
    reference: string,
    options: { readonly force: boolean; readonly isUsed: (id: Digest) => string | undefined },
  ): Promise<{ untagged: string[]; deleted: string[] }>;
  /** Takes away what nobody uses: images without names, or all. */
  prune(filter: PruneFilter, isUsed: (id: Digest) => boolean): Promise<ImagePruneResponse>;
  /** docker-archive or OCI layout, plain, gzip or zstd. Returns names, or ids of unnamed images. */
  load(archive: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<string[]>;
  /**
   * One archive of these images, a docker-archive and OCI layout both, in chunks. Throws as resolve() before the first. A name
   * without a tag means all tags of its repository. What a name stands for is saved for all platforms that it is here for, if it
   * is here for all of its index, or for `platform`.
   */
  save(references: readonly string[], platform?: string): AsyncIterable<Buffer>;
  /** A root file system's tar as an image of one layer; `changes` are Dockerfile instructions. */
  import(archive: AsyncIterable<Uint8Array>, options: ImportOptions, signal?: AbortSignal): Promise<Digest>;
  /** An image of another one and of `upper`, a directory with what was changed over it. Returns its id. */
  commit(upper: string, request: CommitRequest): Promise<Digest>;
  count(): number;
  /** What managers are told of them. */
  report(): ImageReport;
  /** `listener` is called when there are others, or they have other names; until the returned function is. */
  onChange(listener: () => void): () => void;
}

/** What images, and other directories of this host, take of its disk. */
export interface ImageUsage {
  /** `containers` of each is 0. */
  images(): { readonly records: ImageDiskUsage[]; readonly totalBytes: number };
  /** By snapshot key: what has been written to each. */
  writable(keys: readonly string[]): Promise<readonly number[]>;
  /** Of all files below each. */
  measure(directories: readonly string[]): Promise<readonly number[]>;
}

/** Writable file systems over an image's layers, by key; a container's key is its id. */
export interface Snapshots {
  /** Makes an empty writable layer over the image's layers. Idempotent. */
  prepare(key: string, image: Digest): Promise<void>;
  /**
   * Mounts it at `target` (made if missing). Idempotent: mounted there already is success. What is written to a
   * "volatile" one isn't synced, not even when it is unmounted: for what is removed after its use.
   */
  mount(key: string, target: string, durability: 'durable' | 'volatile'): Promise<void>;
  /**
   * The directory of the whole file system, for reading: where it is mounted at `target`, that; otherwise on a mount that goes
   * with the handle. The caller closes it.
   */
  openMerged(key: string, target: string): Promise<FileHandle>;
  /** What has been written to it and deleted from it; `mountPoints` that were added don't count. */
  changes(key: string, mountPoints: readonly string[]): Promise<readonly Change[]>;
  /** The directory with what was changed, in overlayfs' notation. */
  upper(key: string): string;
  /** Unmounts `target`. Idempotent. */
  unmount(target: string): Promise<void>;
  /** Removes the writable layer; the caller has unmounted it. Idempotent. */
  remove(key: string): Promise<void>;
}
