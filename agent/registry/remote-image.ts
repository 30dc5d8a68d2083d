/** The manifest that a name stands for in a registry, for one platform. */
import { GantryError } from '../../proto/errors.ts';
import { familiarName, type Reference } from '../../proto/image-reference.ts';
import { chooseManifest, MAX_INDEX_DEPTH, type Manifest, type Platform, parseManifest } from '../image/manifest.ts';
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
    const parsed = parseManifest(manifest.bytes, `the manifest of ${image} from ${repository.host}`);
    if (parsed.kind === 'manifest') return { target, manifest, parsed };
    const entry = chooseManifest(parsed, platform);
    if (entry === undefined) {
      const wanted = `${platform.os}/${platform.architecture}`;
      throw new GantryError(
        'UNSUPPORTED',
        `no matching manifest for ${wanted} in the manifest list entries of ${image}`,
        {
          hint: 'ask for another one with --platform',
        },
      );
    }
    manifest = await repository.manifest(entry.digest, signal);
  }
  throw new GantryError('INVALID_ARGUMENT', `the index of ${image} leads to more than ${MAX_INDEX_DEPTH} others`);
}
