/** Images that another host of the cluster has built from the same: taken from there, since built again they would be others. */
import { toGantryError } from '../../proto/errors.ts';
import type { BuildKnownResponse } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import { canonicalName, parseReference } from '../../proto/image-reference.ts';
import type { ImageRecord } from '../image/image-index.ts';
import type { BuildCall, BuildRunParts } from './build-call.ts';

/** `key`: as of KnownBuilds. Undefined: there is none, or it can't be had, and the build is gone through. */
export async function takeFromCluster(
  parts: Pick<BuildRunParts, 'cluster' | 'known' | 'images' | 'bases' | 'logger'>,
  call: Pick<BuildCall, 'options' | 'signal'>,
  key: string,
): Promise<ImageRecord | undefined> {
  const cluster = parts.cluster();
  const [tag] = call.options.tags;
  if (cluster === undefined || tag === undefined) return undefined;
  const repository = canonicalName({ ...parseReference(tag), tag: undefined });
  try {
    for (const { digest, bases } of await cluster.knownBuilds({ key, repository })) {
      if (!isDigest(digest) || !areBasesTheSame(parts, bases)) continue;
      if (parts.images.byManifest(digest) === undefined) {
        await parts.bases.bring(`${repository}@${digest}`, undefined, () => undefined, call.signal, 'cluster first');
      }
      await parts.known.note(key, { image: digest, bases: ownBases(parts, bases) });
      return parts.images.byManifest(digest);
    }
  } catch (error) {
    call.signal.throwIfAborted();
    parts.logger.info({ err: toGantryError(error), repository }, 'what the cluster has built cannot be had: building');
  }
  return undefined;
}

type Known = Pick<BuildRunParts, 'known'>;

/** Those that are here: built here, the image would be of those. */
function areBasesTheSame({ known }: Known, bases: BuildKnownResponse['bases']): boolean {
  return Object.entries(bases).every(([reference, digest]) =>
    [digest, undefined].includes(known.manifestOf(reference)),
  );
}

function ownBases({ known }: Known, bases: BuildKnownResponse['bases']): Map<string, Digest> {
  return new Map(
    Object.keys(bases).flatMap((reference): [string, Digest][] => {
      const own = known.manifestOf(reference);
      return own === undefined ? [] : [[reference, own]];
    }),
  );
}
