/** One image of an OCI layout on this host (OCI image spec, "image-layout"), as a tar that an engine takes. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type PackedEntry, packFiles } from '../archive/pack-files.ts';
import { CliError, EXIT, fileReason } from '../failure.ts';

const REF_NAME = 'org.opencontainers.image.ref.name';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** Indexes within indexes. */
const MAX_DEPTH = 4;

export interface LayoutPlace {
  readonly directory: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** DIRECTORY[:TAG][@DIGEST] */
export function parseLayoutPlace(text: string): LayoutPlace {
  const [, place = text, digest] = /^(.*)@(sha256:.*)$/.exec(text) ?? [];
  const [, directory = place, tag] = /^(.+):([\w.-]+)$/.exec(place) ?? [];
  return { directory, tag, digest };
}

interface Descriptor {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Without the names that it has there. Throws CliErrors for what is no layout, or has no such image. */
export function packLayout(place: LayoutPlace): AsyncIterable<Buffer> {
  const { mediaType, digest, size } = chooseImage(place);
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [{ mediaType, digest, size }] };
  const blobs = new Set<string>();
  collectBlobs(place.directory, digest, blobs, 0);
  return packFiles(layoutFiles(place.directory, blobs, index));
}

function* layoutFiles(directory: string, blobs: ReadonlySet<string>, index: unknown): Generator<PackedEntry> {
  for (const digest of blobs) {
    const name = blobPath(digest);
    const path = join(directory, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    // Of an index for several platforms, not all need be there.
    if (stats !== undefined) yield { name, path, stats, uid: 0, gid: 0 };
  }
  yield { name: 'oci-layout', content: Buffer.from('{"imageLayoutVersion":"1.0.0"}') };
  yield { name: 'index.json', content: Buffer.from(JSON.stringify(index)) };
}

function chooseImage({ directory, tag, digest }: LayoutPlace): Descriptor {
  const manifests = descriptorsIn(readJson(directory, 'index.json').manifests);
  const tags = manifests.map(({ annotations }) => annotations?.[REF_NAME] ?? '');
  const isTagged = (wanted: string) => (_: Descriptor, index: number) =>
    tags[index] === wanted || tags[index]?.endsWith(`:${wanted}`) === true;
  const [only, ...others] = manifests;
  const found =
    digest === undefined
      ? (manifests.find(isTagged(tag ?? 'latest')) ?? (tag === undefined && others.length === 0 ? only : undefined))
      : manifests.find((descriptor) => descriptor.digest === digest);
  if (found !== undefined) return found;
  const known = tags.map((name, index) => (name === '' ? `@${manifests[index]?.digest}` : `:${name}`));
  throw refused(`the OCI layout ${directory} has no image ${digest ?? tag ?? 'latest'}`, `it has ${known.join(', ')}`);
}

/** Those that the manifest or index leads to. */
function collectBlobs(directory: string, digest: string, blobs: Set<string>, depth: number): void {
  if (blobs.has(digest) || depth > MAX_DEPTH) return;
  blobs.add(digest);
  if (statSync(join(directory, blobPath(digest)), { throwIfNoEntry: false }) === undefined) return;
  const { manifests, config, layers } = readJson(directory, blobPath(digest));
  for (const below of descriptorsIn(manifests)) collectBlobs(directory, below.digest, blobs, depth + 1);
  for (const blob of descriptorsIn([
    ...(config === undefined ? [] : [config]),
    ...(Array.isArray(layers) ? layers : []),
  ]))
    blobs.add(blob.digest);
}

function descriptorsIn(value: unknown): Descriptor[] {
  return Array.isArray(value) ? value.filter(isDescriptor) : [];
}

/** What isn't as it should be, the engine says. */
function isDescriptor(value: unknown): value is Descriptor {
  return typeof value === 'object' && value !== null && 'digest' in value && DIGEST.test(String(value.digest));
}

function blobPath(digest: string): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`;
}

function readJson(directory: string, name: string): Readonly<Record<string, unknown>> {
  const path = join(directory, name);
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw refused(
      `${directory} is no OCI layout: ${name}: ${fileReason(error)}`,
      'name the directory of its index.json',
    );
  }
  throw refused(`${directory} is no OCI layout: ${name} is no object`, 'name the directory of its index.json');
}

function refused(message: string, hint: string): CliError {
  return new CliError(message, { hint, exitCode: EXIT.refused });
}
