/**
 * Image references as Docker parses them (distribution/reference): "busybox" is docker.io/library/busybox:latest.
 * Pure.
 */
import { GantryError } from './errors.ts';
import { type Digest, isDigest } from './ids.ts';

export interface Reference {
  /** "docker.io", "registry.example.com:5000" */
  readonly domain: string;
  /** "library/busybox" */
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const DEFAULT_DOMAIN = 'docker.io';
const LEGACY_DOMAIN = 'index.docker.io';
const OFFICIAL_PREFIX = 'library/';
const DEFAULT_TAG = 'latest';
const MAX_PATH_LENGTH = 255;

const DOMAIN_COMPONENT = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = new RegExp(`^(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?$`);
const PATH_COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const PATH = new RegExp(`^${PATH_COMPONENT}(?:/${PATH_COMPONENT})*$`);
const TAG = /^\w[\w.-]{0,127}$/;
const IMAGE_ID = /^[a-f0-9]{64}$/;

/** Throws INVALID_ARGUMENT with Docker's own words where there are some. */
export function parseReference(text: string): Reference {
  if (IMAGE_ID.test(text)) throw invalid(text, 'cannot specify 64-byte hexadecimal strings as a name');
  const at = text.indexOf('@');
  const digest = at === -1 ? undefined : parseDigest(text, text.slice(at + 1));
  const { domain, remainder } = splitDomain(at === -1 ? text : text.slice(0, at));
  const colon = remainder.indexOf(':');
  const path = colon === -1 ? remainder : remainder.slice(0, colon);
  const tag = colon === -1 ? undefined : remainder.slice(colon + 1);
  if (path !== path.toLowerCase()) throw invalid(text, `repository name (${path}) must be lowercase`);
  if (!DOMAIN.test(domain) || !PATH.test(path)) throw invalid(text);
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text);
  if (path.length > MAX_PATH_LENGTH)
    throw invalid(text, `repository name must not be more than ${MAX_PATH_LENGTH} characters`);
  return { domain, path, tag, digest };
}

/** Of a repository within a registry: "library/busybox". */
export function isRepositoryPath(text: string): boolean {
  return text.length <= MAX_PATH_LENGTH && PATH.test(text);
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** The same with tag "latest" when it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference;
  return { ...reference, tag: DEFAULT_TAG };
}

/** Full form: "docker.io/library/busybox:latest". */
export function canonicalName(reference: Reference): string {
  return `${reference.domain}/${reference.path}${suffix(reference)}`;
}

/** Short form, as shown to users: "busybox:latest". */
export function familiarName(reference: Reference): string {
  return familiarRepository(reference) + suffix(reference);
}

/** Short form without tag and digest. */
export function familiarRepository({ domain, path }: Reference): string {
  if (domain !== DEFAULT_DOMAIN) return `${domain}/${path}`;
  const short = path.startsWith(OFFICIAL_PREFIX) ? path.slice(OFFICIAL_PREFIX.length) : path;
  return short.includes('/') ? path : short;
}

/** The name that a user gives an image, without the digest that was looked up for it: "web:1@sha256:..." is "web:1". */
export function withoutLookedUpDigest(image: string): string {
  const at = image.indexOf('@');
  const name = at === -1 ? image : image.slice(0, at);
  // A digest alone is the user's own.
  return at !== -1 && /:[^/]*$/.test(name) ? name : image;
}

/** The first part is a registry if it looks like a host: has a dot, a port or capitals, or is "localhost". */
function splitDomain(name: string): { domain: string; remainder: string } {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const domain = isHost && first !== LEGACY_DOMAIN ? first : DEFAULT_DOMAIN;
  const remainder = isHost ? name.slice(slash + 1) : name;
  const official = domain === DEFAULT_DOMAIN && !remainder.includes('/');
  return { domain, remainder: official ? OFFICIAL_PREFIX + remainder : remainder };
}

function parseDigest(text: string, digest: string): Digest {
  if (!isDigest(digest)) throw invalid(text, 'its digest must be "sha256:" and 64 hex digits');
  return digest;
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`);
}

function invalid(text: string, why?: string): GantryError {
  return new GantryError(
    'INVALID_ARGUMENT',
    `invalid reference format: ${JSON.stringify(text)}${why === undefined ? '' : `: ${why}`}`,
    {
      hint: 'a name looks like [HOST[:PORT]/]PATH[:TAG][@sha256:...]',
    },
  );
}
