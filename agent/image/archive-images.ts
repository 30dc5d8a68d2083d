/** What images an archive holds, once it lies in the content store. */
import { open } from 'node:fs/promises';
import { GantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import type { SpooledArchive } from './archive.ts';
import { detectCompression, MAGIC_BYTES } from './compression.ts';
import type { Blob, ContentStore } from './content-store.ts';
import { asArray, asObject, asString, asStrings, optional, parseJson } from './json-fields.ts';
import {
  chooseManifest,
  type Descriptor,
  encodeManifest,
  type Index,
  isImage,
  MAX_DOCUMENT_BYTES,
  MAX_INDEX_DEPTH,
  type Manifest,
  OCI_CONFIG,
  OCI_LAYER,
  type Platform,
  parseManifest,
} from './manifest.ts';

export interface ArchivedImage {
  readonly manifest: Digest;
  /** The manifest, or the index it was chosen from. */
  readonly target: Digest;
  /** As in the archive, not yet parsed. */
  readonly names: readonly string[];
}

const NAME_ANNOTATIONS = ['io.containerd.image.name', 'org.opencontainers.image.ref.name'];

interface DockerEntry {
  readonly config: string;
  readonly layers: readonly string[];
  readonly names: readonly string[];
}

/** Throws INVALID_ARGUMENT when it is no image archive or incomplete, UNSUPPORTED when nothing in it is for `platform`. */
export async function findImages(
  archive: SpooledArchive,
  content: ContentStore,
  platform: Platform,
): Promise<ArchivedImage[]> {
  const docker = archive.find('manifest.json');
  const index = archive.find('index.json');
  const entries = docker === undefined ? [] : await readDockerEntries(content, docker);
  // Docker writes both since version 25; the index says more, and the other is needed for names only.
  if (index !== undefined) return await new LayoutReader(content, platform, dockerNames(archive, entries)).read(index);
  if (docker === undefined) throw noArchive(archive);
  return await Promise.all(entries.map((entry) => convertDockerEntry(archive, content, entry)));
}

function noArchive(archive: SpooledArchive): GantryError {
  if (archive.find('repositories') !== undefined) {
    return new GantryError('UNSUPPORTED', 'the archive is of the form that Docker wrote before version 1.10', {
      hint: 'load and save it with a newer Docker',
    });
  }
  return new GantryError('INVALID_ARGUMENT', 'not an image archive: it has neither manifest.json nor index.json', {
    hint: 'for the tar of a root file system use "gantry image import"',
  });
}

async function readDockerEntries(content: ContentStore, blob: Blob): Promise<DockerEntry[]> {
  const document = parseJson(await content.read(blob.digest, MAX_DOCUMENT_BYTES), 'manifest.json');
  return asArray(document, 'manifest.json').map((value, index) => {
    const where = `manifest.json[${index}]`;
    const fields = asObject(value, where);
    return {
      config: asString(fields.Config, `${where}.Config`),
      layers: optional(fields.Layers, `${where}.Layers`, asStrings) ?? [],
      names: optional(fields.RepoTags, `${where}.RepoTags`, asStrings) ?? [],
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
  content: ContentStore,
  entry: DockerEntry,
): Promise<ArchivedImage> {
  const image = entry.names[0] ?? entry.config;
  const config: Descriptor = { mediaType: OCI_CONFIG, ...archive.get(entry.config, image) };
  const layers = await Promise.all(entry.layers.map((path) => describeLayer(content, archive.get(path, image))));
  const { digest } = await content.put(encodeManifest(config, layers));
  return { manifest: digest, target: digest, names: entry.names };
}

async function describeLayer(content: ContentStore, blob: Blob): Promise<Descriptor> {
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
  readonly #content: ContentStore;
  readonly #platform: Platform;
  readonly #dockerNames: ReadonlyMap<Digest, readonly string[]>;

  constructor(content: ContentStore, platform: Platform, dockerNames: ReadonlyMap<Digest, readonly string[]>) {
    this.#content = content;
    this.#platform = platform;
    this.#dockerNames = dockerNames;
  }

  async read(index: Blob): Promise<ArchivedImage[]> {
    const document = await this.#document(index.digest, 'index.json');
    if (document.kind !== 'index') throw new GantryError('INVALID_ARGUMENT', 'index.json is not an index');
    const byManifest = new Map<Digest, ArchivedImage>();
    for (const entry of document.manifests.filter(isImage)) {
      const { digest, manifest } = await this.#choose(entry, 1);
      const names = [...(byManifest.get(digest)?.names ?? []), ...this.#names(entry, manifest)];
      byManifest.set(digest, { manifest: digest, target: entry.digest, names: [...new Set(names)] });
    }
    return [...byManifest.values()];
  }

  async #choose(entry: Descriptor, depth: number): Promise<{ digest: Digest; manifest: Manifest }> {
    const document = await this.#document(entry.digest, `manifest ${entry.digest}`);
    if (document.kind === 'manifest') return { digest: entry.digest, manifest: document };
    if (depth > MAX_INDEX_DEPTH)
      throw new GantryError('INVALID_ARGUMENT', `index ${entry.digest} is nested too deeply`);
    const candidate = chooseManifest(document, this.#platform);
    if (candidate !== undefined) return await this.#choose(candidate, depth + 1);
    const { os, architecture } = this.#platform;
    throw new GantryError('UNSUPPORTED', `index ${entry.digest} has no image for ${os}/${architecture}`);
  }

  #names(entry: Descriptor, manifest: Manifest): readonly string[] {
    const [full, short] = NAME_ANNOTATIONS.map((key) => entry.annotations?.[key]);
    if (full !== undefined) return [full];
    const docker = this.#dockerNames.get(manifest.config.digest);
    if (docker !== undefined) return docker;
    // Tools write a bare tag here, too; that names no image.
    return short !== undefined && /[/:]/.test(short) ? [short] : [];
  }

  async #document(digest: Digest, where: string): Promise<Manifest | Index> {
    if (!this.#content.has(digest)) throw new GantryError('INVALID_ARGUMENT', `the archive lacks ${where}`);
    return parseManifest(await this.#content.read(digest, MAX_DOCUMENT_BYTES), where);
  }
}
