/** Manifests and indexes: OCI image spec 1.1 and Docker's "schema 2", which differ in media types only. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import { chooseFor, type Platform, platformName } from '../platform/platform.ts';
import {
  asArray,
  asCount,
  asObject,
  asString,
  asStringMap,
  type JsonObject,
  optional,
  parseJson,
} from './json-fields.ts';
import { compareText } from './text-order.ts';

/** Bound of manifests, indexes and configs: they are held in memory. */
export const MAX_DOCUMENT_BYTES = 8 << 20;
/** As Docker's own; overlayfs takes 500 of them. */
export const MAX_LAYERS = 127;

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json';
/** Annotations of an archive's descriptors: the image's whole name (containerd's), and its tag or, by some tools, its name. */
export const IMAGE_NAME = 'io.containerd.image.name';
export const REF_NAME = 'org.opencontainers.image.ref.name';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: Platform | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface Manifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly config: Descriptor;
  /** Lowest first. */
  readonly layers: readonly Descriptor[];
}

export interface Index {
  readonly kind: 'index';
  readonly manifests: readonly Descriptor[];
}

/** Throws INVALID_ARGUMENT naming the field that is wrong, UNSUPPORTED for other kinds of documents. */
export function parseManifest(bytes: Buffer, where: string): Manifest | Index {
  const document = asObject(parseJson(bytes, where), where);
  checkUnambiguous(document, where);
  const mediaType = optional(document.mediaType, `${where}: mediaType`, asString) ?? guessMediaType(document);
  if (mediaType === OCI_INDEX || mediaType === DOCKER_INDEX) {
    return { kind: 'index', manifests: descriptors(document.manifests, `${where}: manifests`) };
  }
  if (mediaType !== OCI_MANIFEST && mediaType !== DOCKER_MANIFEST) {
    throw new GantryError('UNSUPPORTED', `${where}: the media type ${shown(mediaType)} is not supported`, {
      hint: 'push or save the image again with a current tool',
    });
  }
  const layers = descriptors(document.layers, `${where}: layers`);
  if (layers.length > MAX_LAYERS) {
    throw new GantryError(
      'INVALID_ARGUMENT',
      `${where} has ${layers.length} layers, more than the ${MAX_LAYERS} allowed`,
    );
  }
  return { kind: 'manifest', mediaType, config: descriptor(document.config, `${where}: config`), layers };
}

/** What an index has for a platform. */
export function chooseManifest({ manifests }: Index, wanted: Platform): Descriptor | undefined {
  return chooseFor(manifests.filter(isImage), ({ platform: own }) => own, wanted);
}

/** That it has something for, as far as it says, for messages. */
export function platformsIn({ manifests }: Index): string {
  const platforms = manifests.filter(isImage).flatMap(({ platform: own }) => own ?? []);
  return [...new Set(platforms.map(platformName))].join(', ');
}

/** Builders put attestations beside images, as manifests of an unknown platform. */
export function isImage(entry: Descriptor): boolean {
  return entry.platform?.os !== 'unknown';
}

/** Indexes within indexes; registries and tools make one. */
export const MAX_INDEX_DEPTH = 4;

/** Of a manifest, for those who look at it in a registry. */
export type Annotations = Readonly<Record<string, string>>;

/** The OCI manifest's bytes; the same input gives the same bytes. */
export function encodeManifest(
  config: Descriptor,
  layers: readonly Descriptor[],
  annotations: Annotations = {},
): Buffer {
  const document = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers, ...annotated(annotations) };
  return Buffer.from(JSON.stringify(document));
}

/** The OCI index's bytes; the same input gives the same bytes. */
export function encodeIndex(manifests: readonly Descriptor[], annotations: Annotations = {}): Buffer {
  const document = { schemaVersion: 2, mediaType: OCI_INDEX, manifests, ...annotated(annotations) };
  return Buffer.from(JSON.stringify(document));
}

function annotated(annotations: Annotations): { readonly annotations?: Annotations } {
  const sorted = Object.entries(annotations).sort(([a], [b]) => compareText(a, b));
  return sorted.length === 0 ? {} : { annotations: Object.fromEntries(sorted) };
}

/** As a registry is told it. */
export function manifestMediaType(bytes: Buffer): string {
  const document = asObject(parseJson(bytes, 'manifest'), 'manifest');
  return optional(document.mediaType, 'mediaType', asString) ?? guessMediaType(document);
}

/**
 * What one reader takes for an index another would take for an image (CVE-2021-41190): nobody knows what was signed,
 * or scanned.
 */
export function checkUnambiguous(document: JsonObject, where: string): void {
  const isBoth = isPresent(document.manifests) && (isPresent(document.layers) || isPresent(document.config));
  if (isBoth) throw new GantryError('INVALID_ARGUMENT', `${where} is both an index and an image`);
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

const LONGEST_SHOWN = 100;

function shown(text: string): string {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
}

/** The media type is optional in OCI documents. */
function guessMediaType(document: JsonObject): string {
  if (document.schemaVersion === 1) return 'of Docker schema 1';
  return document.manifests === undefined ? OCI_MANIFEST : OCI_INDEX;
}

function descriptors(value: unknown, where: string): readonly Descriptor[] {
  return asArray(value ?? [], where).map((item, index) => descriptor(item, `${where}[${index}]`));
}

function descriptor(value: unknown, where: string): Descriptor {
  const fields = asObject(value, where);
  const digest = asString(fields.digest, `${where}.digest`);
  if (!isDigest(digest)) throw new GantryError('INVALID_ARGUMENT', `${where}.digest is not a sha256 digest`);
  return {
    mediaType: optional(fields.mediaType, `${where}.mediaType`, asString) ?? '',
    digest,
    size: asCount(fields.size, `${where}.size`),
    platform: optional(fields.platform, `${where}.platform`, platform),
    annotations: optional(fields.annotations, `${where}.annotations`, asStringMap),
  };
}

function platform(value: unknown, where: string): Platform {
  const fields = asObject(value, where);
  return {
    os: asString(fields.os, `${where}.os`),
    architecture: asString(fields.architecture, `${where}.architecture`),
    ...(fields.variant ? { variant: asString(fields.variant, `${where}.variant`) } : {}),
  };
}
