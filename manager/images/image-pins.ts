/**
 * What digest the image of a service is pinned to when it is deployed, so that all nodes run the same one until somebody
 * deploys anew. Pure. What is deployed again as it was stays what it is, unless a registry says that there is another one.
 */
import { GantryError, toGantryError } from '../../proto/errors.ts';
import { type RegistryFacts, ResolveImage } from '../../proto/generated/gantry/v1/control.ts';
import {
  type ContainerSpec,
  type Platform,
  PullPolicy,
  type ServiceSpec,
} from '../../proto/generated/gantry/v1/types.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import {
  canonicalName,
  familiarName,
  parseReference,
  type Reference,
  withDefaultTag,
  withoutLookedUpDigest,
} from '../../proto/image-reference.ts';
import type { ImageHolders } from './node-images.ts';

/** What the client's node knows of images. */
export type ImageFacts = Pick<RegistryFacts, 'images' | 'built' | 'toBuild'>;

export interface PinContext {
  readonly resolve: ResolveImage;
  readonly facts: ImageFacts | undefined;
  readonly nodes: Pick<ImageHolders, 'namesBeside'>;
}

/** The spec with its image pinned as far as can be. `before`: the image of the service as it is, if it is. */
export function withPinnedImage<Spec extends ServiceSpec>(
  spec: Spec,
  before: string | undefined,
  context: PinContext,
): Spec {
  const { task } = spec;
  const container = task?.container;
  if (task === undefined || container === undefined) return spec;
  const image = builtImage(container, context) ?? pinnedImage(container, before, context);
  return image === container.image ? spec : { ...spec, task: { ...task, container: { ...container, image } } };
}

/** What was built under the name: no registry knows better. */
function builtImage({ image }: ContainerSpec, { facts }: PinContext): string | undefined {
  const built = facts?.built[image];
  const reference = tagged(image);
  if (built === undefined || reference === undefined) return undefined;
  return familiarName({ ...reference, digest: digestIn(built) });
}

function pinnedImage(
  { image, pullPolicy }: ContainerSpec,
  before: string | undefined,
  { resolve, facts, nodes }: PinContext,
): string {
  const reference = tagged(image);
  const isToBuild = facts?.toBuild.includes(image) ?? false;
  const isAsWritten = (resolve === ResolveImage.NEVER || pullPolicy === PullPolicy.NEVER) && !isToBuild;
  if (isAsWritten || reference === undefined) return image;
  const isSame = before !== undefined && sameName(before, reference);
  // Nobody knows yet what it will be.
  if (isToBuild) return isSame ? before : image;
  if (isSame && resolve === ResolveImage.CHANGED) return before;
  const fact = facts?.images[image];
  const digest = fact === undefined ? undefined : digestIn(fact);
  const isAllThatIsThere = (one: Digest) => {
    const name = canonicalName({ ...reference, tag: undefined, digest: one });
    return nodes.namesBeside(image).every((names) => names.includes(name));
  };
  if (digest !== undefined && (!fact?.remembered || (!isSame && isAllThatIsThere(digest)))) {
    return familiarName({ ...reference, digest });
  }
  if (!isSame) return image;
  const { digest: earlier } = parseReference(before);
  // The tag may have been given to another image on the nodes meanwhile.
  return earlier === undefined || isAllThatIsThere(earlier) ? before : image;
}

function digestIn({ digest }: { readonly digest: string }): Digest {
  if (isDigest(digest)) return digest;
  throw new GantryError('INVALID_ARGUMENT', `${JSON.stringify(digest)} is no digest of an image`);
}

/** Undefined for what is no name, such as an id, or has a digest already. */
function tagged(image: string): Reference | undefined {
  try {
    const reference = withDefaultTag(parseReference(image));
    return reference.digest === undefined && !image.startsWith('sha256:') ? reference : undefined;
  } catch (error) {
    if (toGantryError(error).code !== 'INVALID_ARGUMENT') throw error;
    return undefined;
  }
}

function sameName(image: string, reference: Reference): boolean {
  const other = tagged(withoutLookedUpDigest(image));
  return other !== undefined && canonicalName(other) === canonicalName(reference);
}

/**
 * That an image was built for, or a registry says it is for, also when it has been pinned meanwhile; none: it wasn't asked, or
 * doesn't say.
 */
export function toldPlatforms(image: string, facts: ImageFacts | undefined): readonly Platform[] {
  const digest = image.split('@')[1];
  const built = Object.values(facts?.built ?? {}).find((one) => one.digest === digest);
  if (built?.platform !== undefined) return [built.platform, ...built.otherPlatforms];
  const asked = Object.entries(facts?.images ?? {}).find(([name, fact]) => name === image || fact.digest === digest);
  return asked === undefined || asked[1].remembered ? [] : asked[1].platforms;
}

/** Of which nodes may come to run different ones. */
export function isUnrecorded(image: string): boolean {
  return tagged(image) !== undefined;
}
