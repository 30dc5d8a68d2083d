/** What images an archive holds, once it lies in the content store. */
import { open } from 'node:fs/promises';
import { GantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import { chooseFor, type Platform, platformName } from '../platform/platform.ts';
import type { SpooledArchive } from './archive.ts';
import { checkCount } from './archive-limits.ts';
import { detectCompression, MAGIC_BYTES } from './compression.ts';
import type { Blob } from './content-store.ts';
import { readDocument, readDocumentBytes } from './document.ts';
import { asArray, asObject, asString, asStrings, optional } from './json-fields.ts';
import type { LeasedContent } from './leased-content.ts';
import { isLegacyArchive, readLegacyImages } from './legacy-archive.ts';
import {
  chooseManifest,
  type Descriptor,
  encodeManifest,
  IMAGE_NAME,
  type Index,
  isImage,
  MAX_INDEX_DEPTH,
  type Manifest,
  OCI_CONFIG,
  OCI_LAYER,
  parseManifest,
  REF_NAME,
} from './manifest.ts';

export interface ArchivedImage {
  readonly manifest: Digest;
  /** The manifest, or the index it was chosen from. */
  readonly target: Digest;
  /** Manifests of the index for other platforms, those of which all is in the archive. */
  readonly others: readonly Digest[];
  /** As in the archive, not yet parsed. */
  readonly names: readonly string[];
}

interface DockerEntry {
  readonly config: string;
  readonly layers: readonly string[];
  readonly names: readonly string[];
}

/** Throws INVALID_ARGUMENT when it is no image archive or incomplete, UNSUPPORTED when nothing in it is for `platform`. */
export async function findImages(
  archive: SpooledArchive,
  content: LeasedContent,
  platform: Platform,
): Promise<ArchivedImage[]> {
  const docker = archive.find('manifest.json');
  const index = archive.find('index.json');
  if (docker === undefined && index === undefined) return await findLegacyImages(archive, content, platform);
  const entries = docker === undefined ? [] : await readDockerEntries(content, docker);
  // Docker writes both since version 25; the index says more, and the other is needed for names only.
  if (index !== undefined) return await new LayoutReader(content, platform, dockerNames(archive, entries)).read(index);
  const images: ArchivedImage[] = [];
  // One after the other: each opens files, and there may be many.
  for (const entry of entries) images.push(await convertDockerEntry(archive, content, entry));
  return images;
}

async function findLegacyImages(
  archive: SpooledArchive,
  content: LeasedContent,
  platform: Platform,
): Promise<ArchivedImage[]> {
  if (!isLegacyArchive(archive)) {
    throw new GantryError('INVALID_ARGUMENT', 'not an image archive: it has neither manifest.json nor index.json', {
      hint: 'for the tar of a root file system use "gantry image import"',
    });
  }
  const images = await readLegacyImages(archive, content, platform);
  const made: ArchivedImage[] = [];
  for (const { config, layers, names } of images) made.push(await makeManifest(content, config, layers, names));
  return made;
}

async function readDockerEntries(content: LeasedContent, blob: Blob): Promise<DockerEntry[]> {
  const document = await readDocument(content, blob, 'manifest.json');
  return checkCount(asArray(document, 'manifest.json'), 'manifest.json').map((value, index) => {
    const where = `manifest.json[${index}]`;
    const fields = asObject(value, where);
    return {
      config: asString(fields.Config, `${where}.Config`),
      layers: optional(fields.Layers, `${where}.Layers`, asStrings) ?? [],
      names: checkCount(optional(fields.RepoTags, `${where}.RepoTags`, asStrings) ?? [], `${where}.RepoTags`),
    };
  });
}

/** Names by config digest. */
function dockerNames(archive: SpooledArchive, entries: readonly DockerEntry[]): Map<Digest, readonly string[]> {
  const names = new Map<Digest, readonly string[]>();
  for (const entry of entries) {
    const config = archive.find(entry.config);
    if (config !== undefined) names.set(config.digest, [...(names.get(config.digest) ?? []), ...entry.names]);
  }
  return names;
}

/** A docker-archive has no manifests: one is made. */
async function convertDockerEntry(
  archive: SpooledArchive,
  content: LeasedContent,
  entry: DockerEntry,
): Promise<ArchivedImage> {
  const image = entry.names[0] ?? entry.config;
  const layers = entry.layers.map((path) => archive.get(path, image));
  return await makeManifest(content, archive.get(entry.config, image), layers, entry.names);
}

async function makeManifest(
  content: LeasedContent,
  config: Blob,
  layers: readonly Blob[],
  names: readonly string[],
): Promise<ArchivedImage> {
  const described: Descriptor[] = [];
  for (const layer of layers) described.push(await describeLayer(content, layer));
  const { digest } = await content.put(encodeManifest({ mediaType: OCI_CONFIG, ...config }, described));
  return { manifest: digest, target: digest, others: [], names };
}

async function describeLayer(content: LeasedContent, blob: Blob): Promise<Descriptor> {
  const file = await open(content.path(blob.digest));
  try {
    const start = Buffer.alloc(MAGIC_BYTES);
    await file.read(start, 0, MAGIC_BYTES, 0);
    const compression = detectCompression(start);
    return {
      mediaType: compression === 'none' ? OCI_LAYER : `${OCI_LAYER}+${compression}`,
      digest: blob.digest,
      size: blob.size,
    };
  } finally {
    await file.close();
  }
}

/** An OCI layout's index.json (OCI image spec, "image-layout"). */
class LayoutReader {
  readonly #content: LeasedContent;
  readonly #platform: Platform;
  readonly #dockerNames: ReadonlyMap<Digest, readonly string[]>;

  constructor(content: LeasedContent, platform: Platform, dockerNames: ReadonlyMap<Digest, readonly string[]>) {
    this.#content = content;
    this.#platform = platform;
    this.#dockerNames = dockerNames;
  }

  async read(index: Blob): Promise<ArchivedImage[]> {
    const document = await this.#document(index, 'index.json');
    if (document.kind !== 'index') throw new GantryError('INVALID_ARGUMENT', 'index.json is not an index');
    const byManifest = new Map<Digest, ArchivedImage>();
    for (const entry of checkCount(document.manifests.filter(isImage), 'index.json')) {
      const { digest, manifest } = await this.#choose(entry, 1);
      const names = [...(byManifest.get(digest)?.names ?? []), ...this.#names(entry, manifest)];
      const others = await this.#others(entry, digest);
      byManifest.set(digest, { manifest: digest, target: entry.digest, others, names: [...new Set(names)] });
    }
    return [...byManifest.values()];
  }

  async #choose(entry: Descriptor, depth: number): Promise<{ digest: Digest; manifest: Manifest }> {
    const document = await this.#document(entry, `manifest ${entry.digest}`);
    if (document.kind === 'manifest') return { digest: entry.digest, manifest: document };
    if (depth > MAX_INDEX_DEPTH)
      throw new GantryError('INVALID_ARGUMENT', `index ${entry.digest} is nested too deeply`);
    const whole = await this.#wholeImages(document);
    const best = chooseFor(whole, ({ platform }) => platform, this.#platform) ?? whole[0];
    const candidate = best ?? chooseManifest(document, this.#platform);
    if (candidate !== undefined) return await this.#choose(candidate, depth + 1);
    const name = platformName(this.#platform);
    throw new GantryError('UNSUPPORTED', `index ${entry.digest} has no image for ${name}`);
  }

  async #others(entry: Descriptor, chosen: Digest): Promise<Digest[]> {
    if (entry.digest === chosen) return [];
    const index = await this.#document(entry, `index ${entry.digest}`);
    if (index.kind !== 'index') return [];
    const others = (await this.#wholeImages(index)).filter(({ digest }) => digest !== chosen);
    return others.map(({ digest }) => digest);
  }

  async #wholeImages({ manifests }: Index): Promise<Descriptor[]> {
    const whole: Descriptor[] = [];
    for (const one of checkCount(manifests.filter(isImage), 'an index')) {
      if (await this.#isWhole(one)) whole.push(one);
    }
    return whole;
  }

  /** Tools save one platform of an index that lists several. */
  async #isWhole(entry: Descriptor): Promise<boolean> {
    if (!this.#content.has(entry.digest)) return false;
    const manifest = await this.#document(entry, `manifest ${entry.digest}`);
    if (manifest.kind !== 'manifest') return false;
    return [manifest.config, ...manifest.layers].every(({ digest }) => this.#content.has(digest));
  }

  #names(entry: Descriptor, manifest: Manifest): readonly string[] {
    const [full, short] = [IMAGE_NAME, REF_NAME].map((key) => entry.annotations?.[key]);
    if (full !== undefined) return [full];
    const docker = this.#dockerNames.get(manifest.config.digest);
    if (docker !== undefined) return docker;
    // Tools write a bare tag here, too; that names no image.
    return short !== undefined && /[/:]/.test(short) ? [short] : [];
  }

  async #document({ digest, size }: Blob, where: string): Promise<Manifest | Index> {
    if (!this.#content.has(digest)) throw new GantryError('INVALID_ARGUMENT', `the archive lacks ${where}`);
    const blob = { digest, size: this.#content.size(digest) };
    if (blob.size !== size) throw new GantryError('CORRUPT', `${where} has ${blob.size} bytes instead of ${size}`);
    return parseManifest(await readDocumentBytes(this.#content, blob, where), where);
  }
}
