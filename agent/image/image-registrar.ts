/** Images that come to be among those of this host, and their names. */
import { GantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import type { Platform } from '../platform/platform.ts';
import { encodeImageDocument, type ImageDocument } from './image-config.ts';
import { type ImageIndex, type ImageRecord, withImage } from './image-index.ts';
import { parseTag } from './image-lookup.ts';
import type { ImageRecords } from './image-records.ts';
import { type Arrival, withArrived } from './index-images.ts';
import type { Lease } from './lease.ts';
import { type Annotations, type Descriptor, encodeManifest, OCI_CONFIG } from './manifest.ts';
import { NOTHING_ARRIVES, type Registration } from './registration.ts';

export interface RegistrarParts {
  readonly index: ImageIndex;
  readonly records: ImageRecords;
  /** The host's. */
  readonly platform: Platform;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

type Unpacking = Omit<Registration, 'names'>;

export class ImageRegistrar {
  readonly #parts: RegistrarParts;

  constructor(parts: RegistrarParts) {
    this.#parts = parts;
  }

  /** Makes an image of a config and of layers that are blobs of the content store. Names as users write them, with or without tag. */
  async create(
    document: ImageDocument,
    layers: readonly Descriptor[],
    names: readonly string[],
    lease: Lease,
    annotations?: Annotations,
  ): Promise<ImageRecord> {
    const record = await this.make(document, layers, lease, annotations);
    await this.#add([record], record.manifestDigest, names.map(parseTag));
    return record;
  }

  /** The same of one that isn't among the images of this host yet; the lease keeps it. */
  async make(
    document: ImageDocument,
    layers: readonly Descriptor[],
    lease: Lease,
    annotations?: Annotations,
  ): Promise<ImageRecord> {
    const config = await lease.content.put(encodeImageDocument(document));
    const { digest } = await lease.content.put(
      encodeManifest({ mediaType: OCI_CONFIG, ...config }, layers, annotations),
    );
    const image = `image ${digest}`;
    return await this.#unpack({ manifest: digest, target: digest, lease, image, layers: NOTHING_ARRIVES });
  }

  /** Images of which an index is, for several platforms, under these names of the index. Their leases, and its, still run. */
  async createIndex(
    records: readonly [ImageRecord, ...ImageRecord[]],
    index: Digest,
    names: readonly string[],
  ): Promise<void> {
    await this.#add(records, index, names.map(parseTag));
  }

  /**
   * Makes an image of a manifest whose config is in the content store and whose layers are on their way: checks them against
   * each other, unpacks what isn't unpacked yet, and names it. `target` is the manifest, or the index that it was chosen from.
   */
  async register({ names, ...unpacking }: Registration): Promise<ImageRecord> {
    const record = await this.#unpack(unpacking);
    await this.#add([record], unpacking.target, names);
    return record;
  }

  /** Further ones of an index that has names. They stay as long as it has. */
  async registerOthers(manifests: readonly Digest[], unpacking: Omit<Unpacking, 'manifest'>): Promise<void> {
    for (const manifest of manifests) {
      await this.#add([await this.#unpack({ ...unpacking, manifest })], unpacking.target, []);
    }
  }

  /** Gives an image further names, in canonical form; `target` is what a registry has under them. CONFLICT when it is gone. */
  async rename(manifest: Digest, target: Digest, names: readonly string[]): Promise<void> {
    const { index, platform } = this.#parts;
    await index.update((state) => {
      if (state.images.has(manifest)) return withArrived(state, this.#arrival([manifest], target, names), platform);
      throw new GantryError('CONFLICT', `image ${manifest} has been removed meanwhile`, { hint: 'try again' });
    });
  }

  async #add(
    [first, ...others]: readonly [ImageRecord, ...ImageRecord[]],
    target: Digest,
    names: readonly string[],
  ): Promise<void> {
    const manifests = [first.manifestDigest, ...others.map(({ manifestDigest }) => manifestDigest)] as const;
    await this.#parts.index.update((state) => {
      const known = [first, ...others].reduce(withImage, state);
      return withArrived(known, this.#arrival(manifests, target, names), this.#parts.platform);
    });
  }

  #arrival(manifests: Arrival['manifests'], target: Digest, names: readonly string[]): Arrival {
    return { manifests, target, names, nowMs: this.#parts.clock() };
  }

  async #unpack({ manifest, target, image, layers, lease }: Unpacking): Promise<ImageRecord> {
    const { records } = this.#parts;
    lease.keep({ blobs: [manifest, target], layers: [] });
    const record = await records.read(manifest, image);
    lease.keepImage(record);
    await records.unpack(record, image, layers, lease);
    return record;
  }
}
