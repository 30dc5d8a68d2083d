/**
 * What a registry must know of a manifest that is pushed: which blobs and manifests it needs, and what it is about. Of any
 * kind of artifact; whether it can be run is another matter. Pure.
 */
import type { Digest } from '../../proto/ids.ts';
import { isDigest } from '../../proto/ids.ts';
import { asArray, asCount, asObject, asString, asStringMap, optional, parseJson } from '../image/json-fields.ts';
import {
  checkUnambiguous,
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../image/manifest.ts';
import { RegistryError } from './registry-error.ts';

export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';

interface About {
  readonly mediaType: string;
  /** What it is about, by the specification's "Referrers". */
  readonly subject: Digest | undefined;
  /** Empty: none is said. */
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export type PushedManifest =
  /** `blobs`: config and layers. An image has a config that can be run. */
  | (About & { readonly kind: 'image' | 'artifact'; readonly blobs: readonly SizedDigest[] })
  | (About & { readonly kind: 'index'; readonly manifests: readonly SizedDigest[] });

export interface SizedDigest {
  readonly digest: Digest;
  readonly size: number;
}

const MANIFESTS = new Set([OCI_MANIFEST, DOCKER_MANIFEST]);
const INDEXES = new Set([OCI_INDEX, DOCKER_INDEX]);
const IMAGE_CONFIGS = new Set([OCI_CONFIG, DOCKER_CONFIG]);

/** `contentType`: as the client calls it. Throws MANIFEST_INVALID, or INVALID_ARGUMENT naming the field that is wrong. */
export function parsePushedManifest(bytes: Buffer, contentType: string): PushedManifest {
  const document = asObject(parseJson(bytes, 'manifest'), 'manifest');
  checkUnambiguous(document, 'the manifest');
  const said = optional(document.mediaType, 'manifest: mediaType', asString);
  const mediaType = said ?? contentType;
  if (said !== undefined && contentType !== '' && said !== contentType) {
    throw invalid(`the manifest's mediaType is ${said}, but it came as ${contentType}`);
  }
  const about = {
    mediaType,
    subject: optional(document.subject, 'manifest: subject', sizedDigest)?.digest,
    annotations: optional(document.annotations, 'manifest: annotations', asStringMap) ?? {},
  };
  const artifactType = optional(document.artifactType, 'manifest: artifactType', asString) ?? '';
  if (INDEXES.has(mediaType)) {
    return { ...about, artifactType, kind: 'index', manifests: digests(document.manifests, 'manifest: manifests') };
  }
  if (!MANIFESTS.has(mediaType)) throw invalid(`manifests of type "${mediaType.slice(0, 100)}" are not supported`);
  const config = asObject(document.config, 'manifest: config');
  const configType = optional(config.mediaType, 'manifest: config.mediaType', asString) ?? '';
  return {
    ...about,
    artifactType: artifactType === '' ? configType : artifactType,
    kind: IMAGE_CONFIGS.has(configType) ? 'image' : 'artifact',
    blobs: [sizedDigest(config, 'manifest: config'), ...digests(document.layers, 'manifest: layers')],
  };
}

function digests(value: unknown, where: string): readonly SizedDigest[] {
  return asArray(value ?? [], where).map((item, index) => sizedDigest(item, `${where}[${index}]`));
}

function sizedDigest(value: unknown, where: string): SizedDigest {
  const fields = asObject(value, where);
  const digest = asString(fields.digest, `${where}.digest`);
  if (!isDigest(digest)) throw invalid(`${where}.digest is not a sha256 digest`);
  return { digest, size: asCount(fields.size, `${where}.size`) };
}

function invalid(message: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', message);
}
