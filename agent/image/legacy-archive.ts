/**
 * Archives of the form that `docker save` wrote before version 1.10: a directory for each layer with layer.tar and json, whose
 * "parent" is the layer below, and `repositories`, which says what names stand for. Source: moby's image/spec/v1.md.
 */
import { createHash } from 'node:crypto';
import { GantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import type { SpooledArchive } from './archive.ts';
import { decompress } from './compression.ts';
import { type Blob, finishDigest } from './content-store.ts';
import { readDocument } from './document.ts';
import { asObject, asString, asStringMap, asStrings, type JsonObject, optional } from './json-fields.ts';
import type { LeasedContent } from './leased-content.ts';
import { MAX_LAYERS, type Platform } from './manifest.ts';

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
  const images: LegacyImage[] = [];
  for (const id of ids) images.push(await convert(archive, content, platform, id, names.get(id) ?? []));
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
      names.set(id, [...(names.get(id) ?? []), `${repository}:${tag}`]);
    }
  }
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

async function convert(
  archive: SpooledArchive,
  content: LeasedContent,
  platform: Platform,
  id: string,
  names: readonly string[],
): Promise<LegacyImage> {
  const layers = await lineage(archive, content, id);
  const top = layers.at(-1)?.fields ?? {};
  const diffIds: Digest[] = [];
  for (const { layer } of layers) diffIds.push(await diffIdOf(content, layer));
  const document = {
    created: top.created,
    author: top.author,
    architecture: top.architecture ?? platform.architecture,
    os: top.os ?? platform.os,
    config: top.config,
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: layers.map(({ fields, id: layer }) => history(fields, layer)),
  };
  return {
    config: await content.put(Buffer.from(JSON.stringify(document))),
    layers: layers.map(({ layer }) => layer),
    names,
  };
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

/** Layers of these archives are plain tars, unless somebody has compressed them. */
async function diffIdOf(content: LeasedContent, { digest }: Blob): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of decompress(content.stream(digest))) hash.update(chunk);
  return finishDigest(hash);
}
