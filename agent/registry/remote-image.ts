/** The manifest that a name stands for in a registry, for one platform. */
import { GantryError } from '../../proto/errors.ts';
import { familiarName, type Reference } from '../../proto/image-reference.ts';
import {
  chooseManifest,
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  type Index,
  MAX_INDEX_DEPTH,
  type Manifest,
  OCI_INDEX,
  OCI_MANIFEST,
  parseManifest,
  platformsIn,
} from '../image/manifest.ts';
import { type Platform, platformName } from '../platform/platform.ts';
import type { RemoteManifest, Repository } from './repository.ts';

export interface RemoteImage {
  /** What the name stands for: the manifest, or an index that it is chosen from. */
  readonly target: RemoteManifest;
  readonly manifest: RemoteManifest;
  readonly parsed: Manifest;
}

/** A digest counts before a tag. Throws UNSUPPORTED when there is none for the platform, INVALID_ARGUMENT for garbage. */
export async function findRemoteImage(
  repository: Repository,
  reference: Reference,
  platform: Platform,
  signal: AbortSignal,
): Promise<RemoteImage> {
  const image = familiarName(reference);
  const target = await repository.manifest(reference.digest ?? reference.tag ?? 'latest', signal);
  let manifest = target;
  for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth++) {
    const parsed = parseRemoteManifest(manifest, `the manifest of ${image} from ${repository.host}`);
    if (parsed.kind === 'manifest') return { target, manifest, parsed };
    const entry = chooseManifest(parsed, platform);
    if (entry === undefined) {
      const message = `no matching manifest for ${platformName(platform)} in the manifest list entries of ${image}`;
      throw new GantryError('UNSUPPORTED', message, {
        hint: `it is for ${platformsIn(parsed) || 'nothing'}: ask for another one with --platform`,
      });
    }
    manifest = await repository.manifest(entry.digest, signal);
    if (manifest.bytes.length !== entry.size) {
      const sizes = `${manifest.bytes.length} bytes instead of ${entry.size}`;
      throw new GantryError('CORRUPT', `manifest ${entry.digest} of ${image} from ${repository.host} has ${sizes}`);
    }
  }
  throw new GantryError('INVALID_ARGUMENT', `the index of ${image} leads to more than ${MAX_INDEX_DEPTH} others`);
}

/**
 * As {@link parseManifest}, and refused when it comes as the other of image and index than it is: readers go by one or by
 * the other (CVE-2021-41190). One that comes as something else altogether, as from a plain web server, is taken at its word.
 */
export function parseRemoteManifest({ bytes, contentType }: RemoteManifest, where: string): Manifest | Index {
  const parsed = parseManifest(bytes, where);
  const other = parsed.kind === 'index' ? [OCI_MANIFEST, DOCKER_MANIFEST] : [OCI_INDEX, DOCKER_INDEX];
  if (!other.includes(contentType)) return parsed;
  throw new GantryError(
    'INVALID_ARGUMENT',
    `${where} is an ${parsed.kind === 'index' ? 'index' : 'image'}, but came as ${contentType}`,
  );
}
