/** The images that a build is made from: those of this host, and of registries what isn't here or is to be looked at again. */
import { toGantryError } from '../../proto/errors.ts';
import type { ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import { parseReference } from '../../proto/image-reference.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { ImageSource } from '../registry/image-source.ts';

export interface BaseImagesParts {
  readonly images: ImageStore;
  readonly source: ImageSource;
  readonly options: Pick<ImageBuildOptions, 'pull' | 'credentials'>;
  readonly signal: AbortSignal;
}

/** Of one build. */
export class BaseImages {
  readonly #parts: BaseImagesParts;
  readonly #ensured = new Map<string, Promise<void>>();
  readonly #used = new Map<string, Digest>();

  constructor(parts: BaseImagesParts) {
    this.#parts = parts;
  }

  /** Once it resolves the image is in the store; it is asked for once. `tell` gets lines for the user. Throws as ImageSource does. */
  async ensure(reference: string, tell: (line: string) => void): Promise<void> {
    const ensuring = this.#ensured.get(reference) ?? this.#bring(reference, tell);
    this.#ensured.set(reference, ensuring);
    await ensuring;
    this.#used.set(reference, this.#parts.images.find(reference).manifestDigest);
  }

  /** By reference: the manifests of those that are in the store. */
  get used(): ReadonlyMap<string, Digest> {
    return this.#used;
  }

  async #bring(reference: string, tell: (line: string) => void): Promise<void> {
    const { options, source, signal } = this.#parts;
    // An id is no name that a registry could have anything under.
    if ((!options.pull || isDigest(reference)) && this.isHere(reference)) return;
    const { domain } = parseReference(reference);
    const order = options.pull ? 'registry first' : 'cluster first';
    await source.bring(reference, options.credentials[domain], tell, signal, order);
  }

  /** Under that name, or with that id. */
  isHere(reference: string): boolean {
    try {
      this.#parts.images.find(reference);
      return true;
    } catch (error) {
      if (toGantryError(error).code !== 'IMAGE_NOT_FOUND') throw error;
      return false;
    }
  }
}
