/** The images that a build is made from: those of this host, and of registries what isn't here or is to be looked at again. */
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import { canonicalName, parseReference, withDefaultTag } from '../../proto/image-reference.ts';
import type { ImageRecord } from '../image/image-index.ts';
import type { ImageStore } from '../image/image-store.ts';
import { type Platform, platformName } from '../platform/platform.ts';
import type { ImageSource } from '../registry/image-source.ts';
import { baseKey } from './known-builds.ts';

export interface BaseImagesParts {
  readonly images: ImageStore;
  readonly source: ImageSource;
  readonly options: Pick<ImageBuildOptions, 'pull' | 'credentials'>;
  readonly signal: AbortSignal;
}

/** Undefined: whatever the name stands for. */
type Wanted = Platform | undefined;

/** Of one build. */
export class BaseImages {
  readonly #parts: BaseImagesParts;
  readonly #ensured = new Map<string, Promise<ImageRecord>>();
  readonly #used = new Map<string, Digest>();

  constructor(parts: BaseImagesParts) {
    this.#parts = parts;
  }

  /** Once it resolves the image is in the store; it is asked for once. `tell` gets lines for the user. Throws as ImageSource does. */
  async ensure(reference: string, platform: Wanted, tell: (line: string) => void): Promise<ImageRecord> {
    const key = baseKey(reference, platform);
    const ensuring = this.#ensured.get(key) ?? this.#obtain(reference, platform, tell);
    this.#ensured.set(key, ensuring);
    const record = await ensuring;
    const isNamed = this.#find(reference, undefined)?.manifestDigest === record.manifestDigest;
    this.#used.set(isNamed ? reference : key, record.manifestDigest);
    return record;
  }

  /** By {@link baseKey}: the manifests of those that are in the store. */
  get used(): ReadonlyMap<string, Digest> {
    return this.#used;
  }

  /** Under that name, or with that id. */
  isHere(reference: string): boolean {
    return this.#find(reference, undefined) !== undefined;
  }

  async #obtain(reference: string, platform: Wanted, tell: (line: string) => void): Promise<ImageRecord> {
    const { images, options, source, signal } = this.#parts;
    const here = this.#find(reference, platform);
    // An id is no name that a registry could have anything under.
    if (here !== undefined && (!options.pull || isDigest(reference))) return here;
    const order = options.pull ? 'registry first' : 'cluster first';
    const wanted = options.pull || platform === undefined ? reference : this.#sameIndex(reference);
    const credentials = options.credentials[parseReference(reference).domain];
    try {
      const manifest = await source.bring(wanted, credentials, tell, signal, order, platform);
      const record = images.byManifest(manifest);
      if (record !== undefined) return record;
    } catch (error) {
      throw platform === undefined || signal.aborted ? error : this.#explain(reference, platform, error);
    }
    throw new GantryError('CONFLICT', `image ${reference} has been removed meanwhile`, { hint: 'try again' });
  }

  /** What is here for another platform is of one index, and so is to be this. */
  #sameIndex(reference: string): string {
    const parsed = withDefaultTag(parseReference(reference));
    const named = this.#parts.images.named(canonicalName(parsed));
    if (named === undefined || named.target === named.manifest) return reference;
    return canonicalName({ ...parsed, tag: undefined, digest: named.target });
  }

  #explain(reference: string, platform: Platform, error: unknown): unknown {
    const here = this.#parts.images.platforms(reference).map(platformName);
    if (here.length === 0) return error;
    const { code, message } = toGantryError(error);
    const wanted = platformName(platform);
    const text = `${reference} is here for ${here.join(', ')}, and for ${wanted} it cannot be had: ${message}`;
    return new GantryError(code, text, {
      hint: `write FROM --platform=$BUILDPLATFORM for a stage that only builds, or build on an image for ${wanted}`,
      cause: error,
    });
  }

  #find(reference: string, platform: Wanted): ImageRecord | undefined {
    const { images } = this.#parts;
    if (platform !== undefined) return images.findFor(reference, platform);
    try {
      return images.find(reference);
    } catch (error) {
      if (toGantryError(error).code !== 'IMAGE_NOT_FOUND') throw error;
      return undefined;
    }
  }
}
