/** The images that a build is made from: those of this host, and of registries what isn't here or is to be looked at again. */
import { toGantryError } from '../../proto/errors.ts';
import type { ImageBuildOptions, RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import { parseReference } from '../../proto/image-reference.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { ImageOrder } from '../registry/image-puller.ts';

/** Brings an image from its registry. */
export interface BaseSource {
  /** `tell` gets lines for the user. */
  bring(
    reference: string,
    credentials: RegistryCredentials | undefined,
    tell: (line: string) => void,
    signal: AbortSignal,
    order: ImageOrder,
  ): Promise<void>;
}

export interface BaseImagesParts {
  readonly images: ImageStore;
  readonly source: BaseSource;
  readonly options: Pick<ImageBuildOptions, 'pull' | 'credentials'>;
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Of one build. */
export class BaseImages {
  readonly #parts: BaseImagesParts;
  readonly #ensured = new Set<string>();

  constructor(parts: BaseImagesParts) {
    this.#parts = parts;
  }

  /** Once it resolves the image is in the store. Throws as BaseSource does. */
  async ensure(reference: string): Promise<void> {
    const { options, source, tell, signal } = this.#parts;
    if (this.#ensured.has(reference) || (!options.pull && this.#isHere(reference))) return;
    const { domain } = parseReference(reference);
    const order = options.pull ? 'registry first' : 'cluster first';
    await source.bring(reference, options.credentials[domain], tell, signal, order);
    this.#ensured.add(reference);
  }

  #isHere(reference: string): boolean {
    try {
      this.#parts.images.find(reference);
      return true;
    } catch (error) {
      if (toGantryError(error).code !== 'IMAGE_NOT_FOUND') throw error;
      return false;
    }
  }
}
