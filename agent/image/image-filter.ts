/** Docker's filters for lists of images. Pure. */

import { GantryError } from '../../proto/errors.ts';
import type { Image } from '../../proto/generated/gantry/v1/engine.ts';
import { compilePattern } from './path-match.ts';

/** What `before=` and `since=` need: when the image of that name was made. Throws IMAGE_NOT_FOUND. */
export type CreatedAt = (reference: string) => number;

interface Filters {
  readonly references: readonly RegExp[];
  readonly labels: readonly string[];
  readonly dangling: boolean | undefined;
  readonly before: number;
  readonly since: number;
  readonly until: number;
}

/** Newest first. An image found by reference shows only the names that match. Throws INVALID_ARGUMENT. */
export function filterImages(images: readonly Image[], filters: readonly string[], createdAt: CreatedAt): Image[] {
  const parsed = parseFilters(filters, createdAt);
  return images
    .map((image) => withMatchingNames(image, parsed.references))
    .filter((image) => image !== undefined)
    .filter((image) => matches(image, parsed))
    .sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1));
}

function parseFilters(filters: readonly string[], createdAt: CreatedAt): Filters {
  const values = new Map<string, string[]>();
  for (const filter of filters) {
    const equals = filter.indexOf('=');
    const key = equals === -1 ? filter : filter.slice(0, equals);
    if (equals === -1 || !KEYS.includes(key)) throw invalidFilter(filter);
    values.set(key, [...(values.get(key) ?? []), filter.slice(equals + 1)]);
  }
  const times = (key: string) => (values.get(key) ?? []).map(createdAt);
  return {
    references: (values.get('reference') ?? []).map(compilePattern),
    labels: values.get('label') ?? [],
    dangling: parseDangling(values.get('dangling')),
    before: Math.min(Number.POSITIVE_INFINITY, ...times('before')),
    since: Math.max(Number.NEGATIVE_INFINITY, ...times('since')),
    until: Math.min(Number.POSITIVE_INFINITY, ...(values.get('until') ?? []).map(parseUntil)),
  };
}

const KEYS = ['reference', 'label', 'dangling', 'before', 'since', 'until'];

/** Seconds of Unix time; clients make them of whatever else their users write. In milliseconds. */
export function parseUntil(value: string): number {
  if (/^\d+(?:\.\d+)?$/.test(value)) return Number(value) * 1000;
  throw invalidFilter(`until=${value}`);
}

function parseDangling(values: readonly string[] | undefined): boolean | undefined {
  const value = values?.at(-1);
  if (value === undefined) return undefined;
  if (['true', '1'].includes(value)) return true;
  if (['false', '0'].includes(value)) return false;
  throw invalidFilter(`dangling=${value}`);
}

function matches(image: Image, { labels, dangling, before, since, until }: Filters): boolean {
  if (dangling !== undefined && dangling !== (image.tags.length === 0)) return false;
  if (image.createdAtMs >= until || image.createdAtMs >= before || image.createdAtMs <= since) return false;
  return labels.every((label) => hasLabel(image, label));
}

function hasLabel(image: Image, label: string): boolean {
  const equals = label.indexOf('=');
  if (equals === -1) return Object.hasOwn(image.labels, label);
  return image.labels[label.slice(0, equals)] === label.slice(equals + 1);
}

/** A reference pattern is for the familiar name, with its tag or without. */
function withMatchingNames(image: Image, references: readonly RegExp[]): Image | undefined {
  if (references.length === 0) return image;
  const matching = (name: string): boolean => {
    const repository = name.replace(/(?::[^/:]*)$/, '');
    return references.some((pattern) => pattern.test(name) || pattern.test(repository));
  };
  const tags = image.tags.filter(matching);
  const digests = image.digests.filter((digest) => matching(digest.slice(0, digest.indexOf('@'))));
  return tags.length === 0 && digests.length === 0 ? undefined : { ...image, tags, digests };
}

function invalidFilter(filter: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `invalid filter ${JSON.stringify(filter)}`, {
    hint: `filters of images are ${KEYS.map((key) => `${key}=...`).join(', ')}`,
  });
}
