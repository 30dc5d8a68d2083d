/** Images of OCI layouts that a client sends to a build. They go with it, unless they were here before or somebody has named them. */
import { GantryError } from '../../proto/errors.ts';
import { isDigest } from '../../proto/ids.ts';
import { namesOf } from '../image/image-lookup.ts';
import type { ImageStore } from '../image/image-store.ts';

/** What a source of a named context begins with that is sent as the tar of an OCI layout. */
export const LAYOUT_SCHEME = 'oci-layout:';

export class LayoutImages {
  readonly #images: Pick<ImageStore, 'load' | 'remove' | 'state'>;
  readonly #references = new Map<string, string>();
  readonly #brought = new Set<string>();

  constructor(images: Pick<ImageStore, 'load' | 'remove' | 'state'>) {
    this.#images = images;
  }

  /** By the names that they were sent under, what the image store finds them by. */
  get references(): ReadonlyMap<string, string> {
    return this.#references;
  }

  /** INVALID_ARGUMENT unless it is the layout of one image. */
  async receive(name: string, archive: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const before = new Set([...this.#images.state.images.values()].map(({ id }): string => id));
    const loaded = await this.#images.load(archive, signal);
    for (const id of loaded) if (isDigest(id) && !before.has(id)) this.#brought.add(id);
    const [reference, ...others] = loaded;
    if (reference === undefined || others.length > 0) {
      throw new GantryError('INVALID_ARGUMENT', `the OCI layout of ${name} has ${loaded.length} images instead of one`);
    }
    this.#references.set(name, reference);
  }

  async remove(): Promise<void> {
    for (const id of this.#brought) {
      const { state } = this.#images;
      const isWanted = isDigest(id) && namesOf(state, id).length > 0;
      // The same image from a registry may have gone with its name there.
      const isHere = [...state.images.values()].some((record) => record.id === id);
      if (isHere && !isWanted) await this.#images.remove(id, { force: false, isUsed: () => undefined });
    }
    this.#brought.clear();
  }
}
