/**
 * Which images the nodes say they have. Known to the leader for as long as they have a session with it: each new leader is
 * told again, so that the cluster's state needn't have it, and a thousand nodes whose images stay as they are cost nothing.
 */
import { toGantryError } from '../../proto/errors.ts';
import type { NodeImage, NodeImages as NodeImagesReport } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { Platform } from '../../proto/generated/gantry/v1/types.ts';
import { canonicalName, parseReference, withDefaultTag } from '../../proto/image-reference.ts';

/** Where an image is, and what it is for there: under one name nodes may have several. */
export type Holders = ReadonlyMap<string, readonly Platform[] | undefined>;

/** What the choice of a node asks. */
export interface ImageHolders {
  /** Ids of the nodes that are known to have the image. */
  holdersOf(image: string): Holders;
  /** All names of what nodes have under this one, node by node. */
  namesBeside(image: string): readonly (readonly string[])[];
  /** Whether an image that the node wasn't said to have isn't there. */
  isFullyKnown(nodeId: string): boolean;
}

const NOBODY: Holders = new Map();

interface Known {
  readonly images: Map<string, NodeImage>;
  isPartial: boolean;
}

export class NodeImages implements ImageHolders {
  readonly #nodes = new Map<string, Known>();
  /** By name. */
  readonly #holders = new Map<string, Map<string, readonly Platform[] | undefined>>();

  report(nodeId: string, { complete, put, removed, partial }: NodeImagesReport): void {
    if (complete) this.forget(nodeId);
    const known = this.#nodes.get(nodeId) ?? { images: new Map<string, NodeImage>(), isPartial: partial };
    known.isPartial = partial;
    this.#nodes.set(nodeId, known);
    for (const id of [...removed, ...put.map((image) => image.id)]) this.#remove(nodeId, known, id);
    for (const image of put) {
      known.images.set(image.id, image);
      for (const name of image.names) this.#holdersNamed(name).set(nodeId, platformsIn(image));
    }
  }

  /** Its session has ended. */
  forget(nodeId: string): void {
    const known = this.#nodes.get(nodeId);
    if (known === undefined) return;
    for (const id of [...known.images.keys()]) this.#remove(nodeId, known, id);
    this.#nodes.delete(nodeId);
  }

  holdersOf(image: string): Holders {
    const name = fullImageName(image);
    return (name === undefined ? undefined : this.#holders.get(name)) ?? NOBODY;
  }

  namesBeside(image: string): readonly (readonly string[])[] {
    const name = fullImageName(image);
    if (name === undefined) return [];
    return [...this.holdersOf(image).keys()].flatMap((nodeId) => {
      const images = this.#nodes.get(nodeId)?.images.values() ?? [];
      return [...images].filter(({ names }) => names.includes(name)).map(({ names }) => names);
    });
  }

  isFullyKnown(nodeId: string): boolean {
    return this.#nodes.get(nodeId)?.isPartial === false;
  }

  #holdersNamed(name: string): Map<string, readonly Platform[] | undefined> {
    const holders = this.#holders.get(name) ?? new Map<string, readonly Platform[] | undefined>();
    this.#holders.set(name, holders);
    return holders;
  }

  #remove(nodeId: string, { images }: Known, id: string): void {
    for (const name of images.get(id)?.names ?? []) {
      const holders = this.#holders.get(name);
      holders?.delete(nodeId);
      if (holders?.size === 0) this.#holders.delete(name);
    }
    images.delete(id);
  }
}

/** As nodes name it; undefined for what is no name, such as an id. */
export function fullImageName(image: string): string | undefined {
  try {
    const reference = withDefaultTag(parseReference(image));
    return canonicalName(reference.digest === undefined ? reference : { ...reference, tag: undefined });
  } catch (error) {
    if (toGantryError(error).code !== 'INVALID_ARGUMENT') throw error;
    return undefined;
  }
}

/** Undefined: it isn't known. */
function platformsIn({ platform, otherPlatforms }: NodeImage): readonly Platform[] | undefined {
  return platform === undefined ? undefined : [platform, ...otherPlatforms];
}
