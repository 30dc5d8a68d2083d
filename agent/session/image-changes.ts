/** What of this host's images a manager doesn't know yet. */
import type { NodeImage, NodeImages } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { ImageReport } from '../image/image-report.ts';

export class ImageChanges {
  /** By id, encoded; undefined before anything was told. */
  #told: Map<string, string> | undefined;
  #partial = false;

  /** What is to be told next; undefined for nothing. From then on it counts as told. */
  take({ images, partial }: ImageReport): NodeImages | undefined {
    const told = this.#told;
    const now = new Map(images.map((image) => [image.id, encode(image)]));
    const put = images.filter((image) => told?.get(image.id) !== now.get(image.id));
    const removed = [...(told?.keys() ?? [])].filter((id) => !now.has(id));
    const isSame = told !== undefined && put.length + removed.length === 0 && partial === this.#partial;
    this.#told = now;
    this.#partial = partial;
    return isSame ? undefined : { complete: told === undefined, put: [...put], removed, partial };
  }
}

function encode({ names, platform, otherPlatforms }: NodeImage): string {
  return JSON.stringify([names, platform, otherPlatforms]);
}
