/** What a request's path means: the end points of the OCI distribution specification. Pure. */
import { type Digest, isDigest } from '../../proto/ids.ts';
import { isRepositoryPath, isTag } from '../../proto/image-reference.ts';
import { RegistryError } from './registry-error.ts';

/** A manifest's name within its repository. */
export type ManifestReference =
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'digest'; readonly digest: Digest };

export type Route =
  | { readonly kind: 'root' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: ManifestReference }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'uploads'; readonly repository: string }
  | { readonly kind: 'upload'; readonly repository: string; readonly id: string }
  | { readonly kind: 'tags'; readonly repository: string }
  | { readonly kind: 'referrers'; readonly repository: string; readonly digest: Digest };

const UPLOADS = /^(?<name>.+)\/blobs\/uploads\/?$/;
const UPLOAD = /^(?<name>.+)\/blobs\/uploads\/(?<last>[^/]+)$/;
const BLOB = /^(?<name>.+)\/blobs\/(?<last>[^/]+)$/;
const MANIFEST = /^(?<name>.+)\/manifests\/(?<last>[^/]+)$/;
const TAGS = /^(?<name>.+)\/tags\/list$/;
const REFERRERS = /^(?<name>.+)\/referrers\/(?<last>[^/]+)$/;

/** `path`: of the URL as it was sent. Throws NAME_INVALID, DIGEST_INVALID, and NAME_UNKNOWN for what is no end point. */
export function parseRoute(path: string): Route {
  if (path === '/v2' || path === '/v2/') return { kind: 'root' };
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  const rest = path.startsWith('/v2/') ? decoded(path.slice('/v2/'.length)) : '';
  const found = (pattern: RegExp) => {
    const { name = '', last = '' } = pattern.exec(rest)?.groups ?? {};
    return name === '' ? undefined : { repository: repositoryName(name), last };
  };
  const uploads = found(UPLOADS);
  if (uploads !== undefined) return { kind: 'uploads', repository: uploads.repository };
  const upload = found(UPLOAD);
  if (upload !== undefined) return { kind: 'upload', repository: upload.repository, id: upload.last };
  const blob = found(BLOB);
  if (blob !== undefined) return { kind: 'blob', repository: blob.repository, digest: requireDigest(blob.last) };
  const manifest = found(MANIFEST);
  if (manifest !== undefined) {
    return { kind: 'manifest', repository: manifest.repository, reference: manifestReference(manifest.last) };
  }
  const tags = found(TAGS);
  if (tags !== undefined) return { kind: 'tags', repository: tags.repository };
  const referrers = found(REFERRERS);
  if (referrers === undefined) throw new RegistryError('NAME_UNKNOWN', `there is nothing at ${printed(path)}`);
  return { kind: 'referrers', repository: referrers.repository, digest: requireDigest(referrers.last) };
}

export function repositoryName(name: string): string {
  if (isRepositoryPath(name)) return name;
  throw new RegistryError('NAME_INVALID', `invalid repository name ${printed(name)}`);
}

/** Throws DIGEST_INVALID. */
export function requireDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new RegistryError('DIGEST_INVALID', `invalid digest ${printed(text)}: it must be "sha256:" and 64 hex digits`);
}

function manifestReference(text: string): ManifestReference {
  if (text.includes(':')) return { kind: 'digest', digest: requireDigest(text) };
  if (isTag(text)) return { kind: 'tag', tag: text };
  throw new RegistryError('MANIFEST_INVALID', `invalid tag ${printed(text)}`);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new RegistryError('NAME_INVALID', `${printed(path)} is not a path`, { cause });
  }
}

const LONGEST_SHOWN = 100;

function printed(text: string): string {
  return JSON.stringify(text.slice(0, LONGEST_SHOWN));
}
