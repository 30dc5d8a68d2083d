/**
 * Which image a build gave, by all that it was made from: DATA_ROOT/build/known.json. So that a build of what hasn't changed
 * needn't go through its steps. What the steps themselves took from elsewhere isn't known to change, as in the build cache.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import { BuildResult, ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import { writeFileAtomically } from '../image/atomic-file.ts';
import type { ImageRecord } from '../image/image-index.ts';
import type { ImageStore } from '../image/image-store.ts';
import { asArray, asObject, asString, parseJson } from '../image/json-fields.ts';
import { compareText } from '../image/text-order.ts';
import { type Platform, platformName, readPlatform } from '../platform/platform.ts';
import { IMAGE_SCHEME } from './named-contexts.ts';

export interface KnownBuild {
  /** Of its manifest. */
  readonly image: Digest;
  /** By {@link baseKey}: the manifest of each image that it is made from. */
  readonly bases: ReadonlyMap<string, Digest>;
}

/** Those that were used longest ago go beyond it. */
const MOST_BUILDS = 500;

export class KnownBuilds {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #images: Pick<ImageStore, 'byManifest' | 'find' | 'findFor'>;
  /** By key, what was used last at the end. */
  readonly #builds = new Map<string, KnownBuild>();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: {
    /** DATA_ROOT */
    readonly dir: string;
    readonly images: Pick<ImageStore, 'byManifest' | 'find' | 'findFor'>;
    readonly logger: Logger;
  }) {
    this.#path = join(options.dir, 'build', 'known.json');
    this.#images = options.images;
    this.#logger = options.logger;
  }

  /** Before any other call. A damaged file is as none: then all is built. */
  async open(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    try {
      const entries = asArray(parseJson(await readFile(this.#path), this.#path), this.#path);
      for (const entry of entries) this.#builds.set(...parseEntry(entry, this.#path));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
      this.#logger.warn({ err: error }, 'what was built from what is not known');
      this.#builds.clear();
    }
  }

  /** The image, if it is still there, and all that it is made from is what it was. */
  find(key: string): ImageRecord | undefined {
    const known = this.#builds.get(key);
    if (known === undefined || this.#isStale(known)) return undefined;
    this.#builds.delete(key);
    this.#builds.set(key, known);
    return this.#images.byManifest(known.image);
  }

  /** The same, with what it is made from. */
  findWithBases(key: string): KnownBuild | undefined {
    const image = this.find(key);
    return image === undefined ? undefined : this.#builds.get(key);
  }

  #isStale({ bases }: KnownBuild): boolean {
    return [...bases].some(([reference, manifest]) => this.manifestOf(reference) !== manifest);
  }

  /** When this resolves, it is on disk. */
  async note(key: string, build: KnownBuild): Promise<void> {
    this.#builds.delete(key);
    this.#builds.set(key, build);
    for (const oldest of this.#builds.keys()) {
      if (this.#builds.size <= MOST_BUILDS) break;
      this.#builds.delete(oldest);
    }
    await this.#save();
  }

  /** What was built is built again. */
  async clear(): Promise<void> {
    if (this.#builds.size === 0) return;
    this.#builds.clear();
    await this.#save();
  }

  /** Of an image of this host, by {@link baseKey}; undefined: there is none. */
  manifestOf(base: string): Digest | undefined {
    try {
      const [reference = '', platform] = base.split(FOR);
      const wanted = platform === undefined ? undefined : readPlatform(platform, NO_HOST);
      if (wanted !== undefined) return this.#images.findFor(reference, wanted)?.manifestDigest;
      return this.#images.find(reference).manifestDigest;
    } catch (error) {
      if (toGantryError(error).code !== 'IMAGE_NOT_FOUND') throw error;
      return undefined;
    }
  }

  async #save(): Promise<void> {
    const work = this.#writing.then(() => writeFileAtomically(this.#path, JSON.stringify(this.#encode())));
    this.#writing = work.catch(() => undefined);
    await work;
  }

  #encode(): unknown[] {
    return [...this.#builds].map(([key, { image, bases }]) => [key, { image, bases: Object.fromEntries(bases) }]);
  }
}

const FOR = ' for ';
const NO_HOST = { os: '', architecture: '' };

/** What a build names as what it is made from: an image, for a platform where that isn't what it stands for anyway. */
export function baseKey(reference: string, platform: Platform | undefined): string {
  return platform === undefined ? reference : reference + FOR + platformName(platform);
}

/** What a build is made from, besides the images that it names. */
export interface BuildOrigin {
  readonly options: ImageBuildOptions;
  /** The Dockerfile, which the context may not have. */
  readonly dockerfile: { readonly name: string; readonly text: string };
  /** Of all files of the context; undefined where that isn't known. */
  readonly context: Digest | undefined;
}

/** Undefined for what is to be built whatever is known, or is made from what may change unseen. */
export function keyOfBuild({ options, dockerfile, context }: BuildOrigin): string | undefined {
  const { noCache, noCacheStages, pull, contextUrl, results, cacheExport } = options;
  const isFresh = noCache || noCacheStages.length > 0 || pull || cacheExport !== undefined;
  const isOfImages = Object.values(options.namedContexts).every((source) => source.startsWith(IMAGE_SCHEME));
  const isImage = results.every((result) => result === BuildResult.IMAGE || result === BuildResult.KNOWN);
  const isOfSources = context !== undefined && contextUrl === '' && isOfImages;
  if (!options.reuse || isFresh || !isOfSources || !isImage) return undefined;
  // What secrets say doesn't count, as for the steps that use them, nor who is asked for images, nor what the image is called.
  const rest = { ...options, tags: [], results: [], secrets: {}, credentials: {}, contextId: '' };
  const told = Buffer.from(ImageBuildOptions.encode(rest).finish()).toString('base64');
  const secrets = Object.keys(options.secrets).sort(compareText);
  return createHash('sha256')
    .update(JSON.stringify([told, secrets, dockerfile.name, dockerfile.text, context]))
    .digest('hex');
}

function parseEntry(value: unknown, where: string): [string, KnownBuild] {
  const [key, build] = asArray(value, where);
  const { image, bases } = asObject(build, where);
  const manifests = Object.entries(asObject(bases, where)).map(([reference, manifest]): [string, Digest] => [
    reference,
    asDigest(manifest, where),
  ]);
  return [asString(key, where), { image: asDigest(image, where), bases: new Map(manifests) }];
}

function asDigest(value: unknown, where: string): Digest {
  const text = asString(value, where);
  if (!isDigest(text)) throw new GantryError('CORRUPT', `${where}: ${text} is not a digest`);
  return text;
}
