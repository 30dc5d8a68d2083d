/** Images as manifests and configs of the content store describe them: read, checked against their blobs, and unpacked. */
import type { Logger } from 'pino';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import { chainIds } from './chain-id.ts';
import type { ContentStore } from './content-store.ts';
import { parseImageDocument } from './image-config.ts';
import { type ImageRecord, type IndexState, type StoredIndex, withoutNames } from './image-index.ts';
import { shortId } from './image-lookup.ts';
import type { LayerSource, LayerStore } from './layer-store.ts';
import type { Lease } from './lease.ts';
import { MAX_DOCUMENT_BYTES, parseManifest } from './manifest.ts';
import type { ArrivingLayers } from './registration.ts';

export interface ImageRecordsParts {
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly lease: () => Lease;
  readonly logger: Logger;
}

export class ImageRecords {
  readonly #parts: ImageRecordsParts;

  constructor(parts: ImageRecordsParts) {
    this.#parts = parts;
  }

  /** `image` is for errors. Throws INVALID_ARGUMENT, UNSUPPORTED, and CORRUPT when a blob isn't what it should be. */
  async read(manifestDigest: Digest, image: string): Promise<ImageRecord> {
    const { content } = this.#parts;
    const manifest = parseManifest(await content.read(manifestDigest, MAX_DOCUMENT_BYTES), `manifest of ${image}`);
    if (manifest.kind === 'index') throw new GantryError('INVALID_ARGUMENT', `${image} is an index, not an image`);
    const config = manifest.config.digest;
    this.#checkBlob(config, manifest.config.size, `config of ${image}`);
    const document = parseImageDocument(await content.read(config, MAX_DOCUMENT_BYTES), `config of ${image}`);
    if (document.diffIds.length !== manifest.layers.length) {
      const counts = `${manifest.layers.length} layers, its config ${document.diffIds.length}`;
      throw new GantryError('INVALID_ARGUMENT', `the manifest of ${image} has ${counts}`);
    }
    return { id: config, manifestDigest, manifest, document, chainIds: chainIds(document.diffIds) };
  }

  /** Layers that are on their way are unpacked as they come. Throws as LayerStore's ensure(). */
  async unpack(record: ImageRecord, image: string, arriving: ArrivingLayers, lease: Lease): Promise<void> {
    const { content, layers } = this.#parts;
    const sources = record.manifest.layers.map((layer, index): LayerSource => {
      const { digest, size } = layer;
      const arrived = arriving
        .arrive(layer, index)
        .then(() => this.#checkBlob(digest, size, `layer ${index + 1} of ${image}`));
      const diffId = record.document.diffIds[index] ?? digest;
      return {
        ...{ archive: content.path(digest), digest, diffId, arrived },
        onUnpacked: () => arriving.unpacked(index),
        onFailed: (error) => arriving.failed(error),
        ...(arriving.signal === undefined ? {} : { signal: arriving.signal }),
      };
    });
    await layers.ensure(sources, image, lease);
  }

  /** Images that can't be read any more are left out, and said: the others must go on working. */
  async restore(stored: StoredIndex): Promise<IndexState> {
    const images = new Map<Digest, ImageRecord>();
    for (const digest of stored.images) {
      try {
        const record = await this.read(digest, digest);
        await this.#restoreLayers(record);
        images.set(digest, record);
      } catch (error) {
        const said = { err: toGantryError(error), manifest: digest };
        this.#parts.logger.error(said, 'leaving out an image that cannot be read');
      }
    }
    const names = new Map([...stored.names].filter(([, { manifest }]) => images.has(manifest)));
    // Those that names are gone from, and images that can't be read, are no others any more.
    return withoutNames({ images, names, others: stored.others }, []);
  }

  /** Unpacks again what is missing, from the blobs. */
  async #restoreLayers(record: ImageRecord): Promise<void> {
    const { content, layers } = this.#parts;
    if (record.chainIds.every((id) => layers.get(id) !== undefined)) return;
    const sources = record.document.diffIds.map((diffId, index) => {
      const digest = record.manifest.layers[index]?.digest ?? diffId;
      return { archive: content.path(digest), digest, diffId };
    });
    using lease = this.#parts.lease();
    await layers.ensure(sources, shortId(record.id), lease);
  }

  #checkBlob(digest: Digest, size: number, what: string): void {
    const { content } = this.#parts;
    if (!content.has(digest)) throw new GantryError('INVALID_ARGUMENT', `${what} is missing (${digest})`);
    const found = content.size(digest);
    if (found !== size) throw new GantryError('CORRUPT', `${what} has ${found} bytes instead of ${size} (${digest})`);
  }
}
