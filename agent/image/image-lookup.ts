/** Finding images by what users write, and what is said about them. Pure functions of the index. */

import { GantryError } from '../../proto/errors.ts';
import type { Image } from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../../proto/image-reference.ts';
import { chooseFor, type Platform, platformName } from '../platform/platform.ts';
import { createdAtMs } from './image-config.ts';
import type { ImageRecord, IndexState } from './image-index.ts';
import { manifestsOf } from './index-images.ts';
import { compareText } from './text-order.ts';

export interface FoundImage {
  readonly record: ImageRecord;
  /** The canonical name it was found by; undefined when it was found by its id. */
  readonly name: string | undefined;
}

const SHORTEST_ID_LENGTH = 12;

/** Throws IMAGE_NOT_FOUND, AMBIGUOUS, INVALID_ARGUMENT. */
export function findImage(state: IndexState, text: string): FoundImage {
  const found = findByName(state, text) ?? findById(state, text);
  if (found !== undefined) return found;
  throw new GantryError('IMAGE_NOT_FOUND', `No such image: ${text}`, {
    hint: 'pull, load or build it first; "gantry images" lists what is here',
  });
}

/** The same for a platform. Throws IMAGE_NOT_FOUND also for what is here for others alone. */
export function findImageFor(state: IndexState, text: string, platform: Platform): FoundImage {
  const found = findImage(state, text);
  const record = findForPlatform(state, text, platform);
  if (record !== undefined) return { ...found, record };
  const wanted = platformName(platform);
  const here = platformsHere(state, text).map(({ document }) => platformName(document));
  const message = `image with reference ${text} was found but does not provide the specified platform (${wanted})`;
  throw new GantryError('IMAGE_NOT_FOUND', message, {
    hint: `it is here for ${here.join(', ')}; "gantry pull --platform ${wanted} ${text}" brings what a registry has`,
  });
}

function findByName(state: IndexState, text: string): FoundImage | undefined {
  if (looksLikeId(text) && !isReference(text)) return undefined;
  const reference = withDefaultTag(parseReference(text));
  const name = reference.digest === undefined ? canonicalName(reference) : findDigestName(state, reference);
  const entry = name === undefined ? undefined : state.names.get(name);
  const record = entry === undefined ? undefined : state.images.get(entry.manifest);
  return record === undefined ? undefined : { record, name };
}

/** name@digest: a name of that repository which stands for that digest. The tag says nothing then, as in Docker. */
function findDigestName(state: IndexState, { domain, path, digest }: Reference): string | undefined {
  const pulled = `${domain}/${path}@${digest}`;
  if (state.names.has(pulled)) return pulled;
  const prefix = `${domain}/${path}:`;
  for (const [name, entry] of state.names) {
    if (name.startsWith(prefix) && (entry.target === digest || entry.manifest === digest)) return name;
  }
  return undefined;
}

function findById(state: IndexState, text: string): FoundImage | undefined {
  if (!looksLikeId(text)) return undefined;
  const prefix = text.startsWith('sha256:') ? text : `sha256:${text}`;
  const records = [...state.images.values()].filter(({ id }) => id.startsWith(prefix));
  const [record] = records;
  if (record === undefined) return undefined;
  if (records.some(({ id }) => id !== record.id)) {
    throw new GantryError('AMBIGUOUS', `the image id ${text} is ambiguous`, { hint: 'write more of its digits' });
  }
  return { record, name: undefined };
}

function looksLikeId(text: string): boolean {
  return /^(?:sha256:)?[0-9a-f]{1,64}$/.test(text);
}

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    // Asked only for things that may be ids as well.
    return false;
  }
}

/**
 * The image of that name for a platform: what the name stands for, or what is here beside it. Undefined also for an image of
 * another platform alone.
 */
export function findForPlatform(state: IndexState, text: string, platform: Platform): ImageRecord | undefined {
  return chooseFor(platformsHere(state, text), ({ document }) => document, platform);
}

/** All images that a name stands for; by an id it is that one. None where nothing is found. */
export function platformsHere(state: IndexState, text: string): ImageRecord[] {
  const found = findByName(state, text) ?? findById(state, text);
  const named = found?.name === undefined ? undefined : state.names.get(found.name);
  if (named === undefined) return found === undefined ? [] : [found.record];
  return manifestsOf(state, named.target).flatMap((digest) => state.images.get(digest) ?? []);
}

/** Canonical names of an image. Several manifests can have the same config, and so be the same image. */
export function namesOf(state: IndexState, id: Digest): string[] {
  const names: string[] = [];
  for (const [name, entry] of state.names) if (state.images.get(entry.manifest)?.id === id) names.push(name);
  return names.sort(compareText);
}

/** An image from a registry has a name by its digest, too, which stays when its tag goes to another one. */
export function isDigestName(name: string): boolean {
  return name.includes('@');
}

/** A name for an image: without a tag it gets "latest"; with a digest it is refused, since that can't be chosen. */
export function parseTag(text: string): string {
  const reference = parseReference(text);
  if (reference.digest === undefined) return canonicalName(withDefaultTag(reference));
  throw new GantryError('INVALID_ARGUMENT', `refusing to create a tag with a digest reference: ${text}`);
}

export function shortName(name: string): string {
  return familiarName(parseReference(name));
}

/** Docker's short id. */
export function shortId(id: Digest): string {
  return id.slice('sha256:'.length, 'sha256:'.length + SHORTEST_ID_LENGTH);
}

export function describeImage(state: IndexState, record: ImageRecord, sizeBytes: number): Image {
  const names = shownNames(state, record);
  return {
    id: record.id,
    tags: names.filter((name) => !isDigestName(name)).map(shortName),
    digests: [...new Set(names.map((name) => repositoryDigest(name, state.names.get(name)?.target)))],
    createdAtMs: createdAtMs(record.document),
    sizeBytes,
    labels: record.document.config.labels,
    architecture: record.document.architecture,
    os: record.document.os,
    config: record.document.config,
    layers: record.chainIds.length,
    comment: record.document.history.at(-1)?.comment ?? '',
    author: record.document.author ?? '',
    variant: record.document.variant ?? '',
    diffIds: [...record.document.diffIds],
    onBuild: [...record.document.onBuild],
    taggedAtMs: Math.max(0, ...names.map((name) => state.names.get(name)?.taggedAtMs ?? 0)),
  };
}

/** An image that is beside those that names stand for has these, too. */
function shownNames(state: IndexState, { id, manifestDigest }: ImageRecord): string[] {
  const own = namesOf(state, id);
  if (own.length > 0 || state.others.size === 0) return own;
  const beside = [...state.names].filter(([, { target }]) => state.others.get(target)?.includes(manifestDigest));
  return beside.map(([name]) => name).sort(compareText);
}

function repositoryDigest(name: string, target: Digest | undefined): string {
  return `${familiarRepository(parseReference(name))}@${target ?? ''}`;
}
