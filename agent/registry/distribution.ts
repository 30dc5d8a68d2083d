/** What an image's name stands for in its registry, without bringing it here: for what is to run the same everywhere. */
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { DistributionInspectResponse, RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import type { Platform } from '../../proto/generated/gantry/v1/types.ts';
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../../proto/image-reference.ts';
import { platformText } from '../../proto/platform.ts';
import { digestOf } from '../image/content-store.ts';
import { parseImageDocument } from '../image/image-config.ts';
import type { NameRecord } from '../image/image-index.ts';
import type { ImageStore } from '../image/image-store.ts';
import { type Index, isImage, MAX_DOCUMENT_BYTES, type Manifest } from '../image/manifest.ts';
import type { Endpoint } from './endpoints.ts';
import { pullFailure } from './pull-failure.ts';
import type { RegistryConnector } from './registry-connector.ts';
import { parseRemoteManifest } from './remote-image.ts';
import type { RemoteManifest, Repository } from './repository.ts';

export interface DistributionParts {
  readonly images: ImageStore;
  readonly connector: RegistryConnector;
}

/** A deploy waits for it. */
const ANSWER_TIMEOUT_MS = 10_000;
const DOCKER_HUB = 'docker.io';

/**
 * Throws WRONG_STATE for an image that was made here and has a name without a registry: what Docker Hub has under it is
 * another one. Otherwise as a pull does, but for a registry that doesn't answer when this host has the image of it.
 */
export async function inspectDistribution(
  parts: DistributionParts,
  name: string,
  credentials: RegistryCredentials | undefined,
  signal: AbortSignal,
): Promise<DistributionInspectResponse> {
  const reference = withDefaultTag(parseReference(name));
  const here = parts.images.named(canonicalName(reference));
  const remembered = here === undefined ? undefined : pulledDigest(parts.images, reference, here);
  if (here !== undefined && remembered === undefined && reference.domain === DOCKER_HUB) {
    throw new GantryError('WRONG_STATE', `${familiarName(reference)} was made on this host, and is of no registry`);
  }
  try {
    return await askRegistry(parts.connector, reference, credentials, signal);
  } catch (error) {
    if (remembered === undefined || !toGantryError(error).temporary) throw error;
    const record = parts.images.byManifest(remembered.manifest);
    const platforms = record === undefined ? [] : [platformOf(record.document)];
    return { digest: remembered.target, platforms, remembered: true };
  }
}

/** That it was pulled, or pulled from, shows in its being named by its digest, too. */
function pulledDigest(images: ImageStore, reference: Reference, here: NameRecord): NameRecord | undefined {
  const byDigest = canonicalName({ ...reference, tag: undefined, digest: here.target });
  return images.named(byDigest) === undefined ? undefined : here;
}

/** Mirrors first, as for a pull. */
async function askRegistry(
  connector: RegistryConnector,
  reference: Reference,
  credentials: RegistryCredentials | undefined,
  signal: AbortSignal,
): Promise<DistributionInspectResponse> {
  const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const either = AbortSignal.any([signal, timeout]);
  let failure: unknown;
  for (const endpoint of connector.endpoints(reference.domain)) {
    try {
      return await askEndpoint(connector, endpoint, reference, credentials, either);
    } catch (error) {
      if (timeout.aborted && !signal.aborted) throw noAnswer(endpoint, reference, error);
      failure = error;
    }
  }
  throw pullFailure(failure, reference);
}

async function askEndpoint(
  connector: RegistryConnector,
  endpoint: Endpoint,
  reference: Reference,
  credentials: RegistryCredentials | undefined,
  signal: AbortSignal,
): Promise<DistributionInspectResponse> {
  const name = familiarRepository(reference);
  using repository = await connector.connect(endpoint, { path: reference.path, name }, credentials, signal);
  const target = await repository.manifest(reference.digest ?? reference.tag ?? 'latest', signal);
  const platforms = await platformsOf(repository, reference, target, signal);
  return { digest: target.digest, platforms, remembered: false };
}

function noAnswer({ host }: Endpoint, reference: Reference, cause: unknown): GantryError {
  const seconds = ANSWER_TIMEOUT_MS / 1000;
  return new GantryError('UNAVAILABLE', `${host} has not said within ${seconds} s what ${familiarName(reference)} is`, {
    cause,
  });
}

/** None where an index doesn't say. */
async function platformsOf(
  repository: Repository,
  reference: Reference,
  target: RemoteManifest,
  signal: AbortSignal,
): Promise<Platform[]> {
  const parsed = parseRemoteManifest(target, `the manifest of ${familiarName(reference)} from ${repository.host}`);
  return parsed.kind === 'index' ? indexed(parsed) : [await platformOfConfig(repository, reference, parsed, signal)];
}

function indexed({ manifests }: Index): Platform[] {
  const platforms = manifests.filter(isImage).map(({ platform }) => platform);
  const known = platforms.filter((platform) => platform !== undefined);
  if (known.length < platforms.length) return [];
  return [...new Map(known.map((platform) => [platformText(platform), platformOf(platform)])).values()];
}

async function platformOfConfig(
  repository: Repository,
  reference: Reference,
  { config }: Manifest,
  signal: AbortSignal,
): Promise<Platform> {
  const what = `the config of ${familiarName(reference)}`;
  if (config.size > MAX_DOCUMENT_BYTES) {
    throw new GantryError('INVALID_ARGUMENT', `${what} is larger than ${MAX_DOCUMENT_BYTES >> 20} MiB`);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of (await repository.blob(config.digest, 0, signal)).body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > config.size) break;
  }
  const bytes = Buffer.concat(chunks);
  if (digestOf(bytes) === config.digest) return platformOf(parseImageDocument(bytes, what));
  throw new GantryError('CORRUPT', `${what}: ${repository.host} sent something else than ${config.digest}`);
}

function platformOf({ os, architecture }: Platform): Platform {
  return { os, architecture };
}
