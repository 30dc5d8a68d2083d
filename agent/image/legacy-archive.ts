/**
 * Archives of the form that `docker save` wrote before version 1.10: a directory for each layer with layer.tar and json, whose
 * "parent" is the layer below, and `repositories`, which says what names stand for. Source: moby's image/spec/v1.md.
 */
import { createHash } from 'node:crypto';
import { GantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import type { Platform } from '../platform/platform.ts';
import type { SpooledArchive } from './archive.ts';
import { checkCount } from './archive-limits.ts';
import { bounded, decompress } from './compression.ts';
import { type Blob, finishDigest } from './content-store.ts';
import { readDocument } from './document.ts';
import { asObject, asString, asStringMap, asStrings, type JsonObject, optional } from './json-fields.ts';
import { LAYER_LIMITS, mostTarBytes } from './layer/limits.ts';
import type { LeasedContent } from './leased-content.ts';
import { MAX_LAYERS } from './manifest.ts';

export interface LegacyImage {
  /** Blob of a config as images have it now. */
  readonly config: Blob;
  /** Lowest first. */
  readonly layers: readonly Blob[];
  readonly names: readonly string[];
}

interface LegacyLayer {
  readonly id: string;
  readonly fields: JsonObject;
  readonly layer: Blob;
}

/** An archive of images without names has no `repositories`; its images are then the layers that no other is based on. */
export async function readLegacyImages(
  archive: SpooledArchive,
  content: LeasedContent,
  platform: Platform,
): Promise<LegacyImage[]> {
  const names = await readRepositories(archive, content);
  const ids = names.size > 0 ? [...names.keys()] : await topLayers(archive, content);
  checkCount(ids, 'the archive');
  const converter = new Converter(archive, content, platform);
  const images: LegacyImage[] = [];
  for (const id of ids) images.push(await converter.convert(id, names.get(id) ?? []));
  return images;
}

export function isLegacyArchive(archive: SpooledArchive): boolean {
  return archive.find('repositories') !== undefined || layerIds(archive).length > 0;
}

/** Names by the id of their topmost layer. */
async function readRepositories(archive: SpooledArchive, content: LeasedContent): Promise<Map<string, string[]>> {
  const names = new Map<string, string[]>();
  const blob = archive.find('repositories');
  if (blob === undefined) return names;
  const repositories = asObject(await readDocument(content, blob, 'repositories'), 'repositories');
  for (const [repository, tags] of Object.entries(repositories)) {
    for (const [tag, id] of Object.entries(asStringMap(tags, `repositories: ${repository}`))) {
      const known = names.get(id) ?? [];
      known.push(`${repository}:${tag}`);
      names.set(id, known);
    }
  }
  for (const [id, tags] of names) checkCount(tags, `repositories: ${id}`);
  return names;
}

function layerIds(archive: SpooledArchive): string[] {
  return archive.paths().flatMap((path) => /^([0-9a-f]{64})\/json$/.exec(path)?.[1] ?? []);
}

async function topLayers(archive: SpooledArchive, content: LeasedContent): Promise<string[]> {
  const ids = layerIds(archive);
  const parents = new Set<string>();
  for (const id of ids) {
    const { fields } = await readLayer(archive, content, id);
    parents.add(parentOf(fields, id) ?? '');
  }
  return ids.filter((id) => !parents.has(id));
}

class Converter {
  readonly #archive: SpooledArchive;
  readonly #content: LeasedContent;
  readonly #platform: Platform;
  /** By the digest of the layer as it is stored: images share layers. */
  readonly #diffIds = new Map<Digest, Digest>();

  constructor(archive: SpooledArchive, content: LeasedContent, platform: Platform) {
    this.#archive = archive;
    this.#content = content;
    this.#platform = platform;
  }

  async convert(id: string, names: readonly string[]): Promise<LegacyImage> {
    const layers = await lineage(this.#archive, this.#content, id);
    const top = layers.at(-1)?.fields ?? {};
    const diffIds: Digest[] = [];
    for (const { layer } of layers) diffIds.push(await this.#diffIdOf(layer));
    const document = {
      created: top.created,
      author: top.author,
      architecture: top.architecture ?? this.#platform.architecture,
      os: top.os ?? this.#platform.os,
      config: top.config,
      rootfs: { type: 'layers', diff_ids: diffIds },
      history: layers.map(({ fields, id: layer }) => history(fields, layer)),
    };
    return {
      config: await this.#content.put(Buffer.from(JSON.stringify(document))),
      layers: layers.map(({ layer }) => layer),
      names,
    };
  }

  /** Layers of these archives are plain tars, unless somebody has compressed them. */
  async #diffIdOf({ digest }: Blob): Promise<Digest> {
    const known = this.#diffIds.get(digest);
    if (known !== undefined) return known;
    const hash = createHash('sha256');
    const plain = bounded(decompress(this.#content.stream(digest)), mostTarBytes(LAYER_LIMITS));
    for await (const chunk of plain) hash.update(chunk);
    const diffId = finishDigest(hash);
    this.#diffIds.set(digest, diffId);
    return diffId;
  }
}

/** Lowest first. */
async function lineage(archive: SpooledArchive, content: LeasedContent, top: string): Promise<LegacyLayer[]> {
  const layers: LegacyLayer[] = [];
  for (let id: string | undefined = top; id !== undefined; ) {
    if (layers.length === MAX_LAYERS) {
      throw new GantryError('INVALID_ARGUMENT', `the archive's image ${top} has more than ${MAX_LAYERS} layers`);
    }
    const layer: LegacyLayer = await readLayer(archive, content, id);
    layers.unshift(layer);
    id = parentOf(layer.fields, id);
  }
  return layers;
}

async function readLayer(archive: SpooledArchive, content: LeasedContent, id: string): Promise<LegacyLayer> {
  const where = `${id}/json`;
  const fields = asObject(await readDocument(content, archive.get(where, `layer ${id}`), where), where);
  return { id, fields, layer: archive.get(`${id}/layer.tar`, `layer ${id}`) };
}

function parentOf(fields: JsonObject, id: string): string | undefined {
  const parent = optional(fields.parent, `${id}/json: parent`, asString);
  return parent === '' ? undefined : parent;
}

function history(fields: JsonObject, id: string): Record<string, unknown> {
  const where = `${id}/json: container_config`;
  const container = optional(fields.container_config, where, asObject) ?? {};
  const command = optional(container.Cmd, `${where}.Cmd`, asStrings) ?? [];
  return {
    created: fields.created,
    author: fields.author,
    comment: fields.comment,
    created_by: command.join(' '),
  };
}
