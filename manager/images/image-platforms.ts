/** What platforms a service's image is for, as far as the nodes know. Pure. */
import { ResolveImage } from '../../proto/generated/gantry/v1/control.ts';
import { Placement, type Platform } from '../../proto/generated/gantry/v1/types.ts';
import { fitsPlatform, platformText } from '../../proto/platform.ts';
import type { NodeObject } from '../store/node.ts';
import type { CompleteServiceSpec } from '../store/service.ts';
import type { ImageHolders } from './node-images.ts';

export type PlatformsOf = (image: string) => readonly Platform[];

/**
 * None when it isn't known. A node that would be left out must have said what it has: it might have the image for itself
 * under the same name.
 */
export function platformsOf(image: string, nodes: readonly NodeObject[], known: ImageHolders): Platform[] {
  const found = new Map<string, Platform>();
  for (const here of known.holdersOf(image).values()) {
    if (here === undefined) return [];
    for (const platform of here) found.set(platformText(platform), platform);
  }
  const platforms = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, platform]) => platform);
  const isLeftOut = ({ description }: NodeObject) =>
    !platforms.some((platform) => fitsPlatform(platform, description.platform));
  const isSure = nodes.every((node) => !isLeftOut(node) || known.isFullyKnown(node.id));
  return isSure ? platforms : [];
}

/** The spec with its image's platforms, looked up where `resolve` says so. `before`: what the service was, if it was. */
export function withImagePlatforms(
  spec: CompleteServiceSpec,
  before: CompleteServiceSpec | undefined,
  platforms: PlatformsOf,
  resolve: ResolveImage,
): CompleteServiceSpec {
  const { image } = spec.task.container;
  const isSame = before?.task.container.image === image;
  const earlier = isSame ? (before.placement?.imagePlatforms ?? []) : [];
  return withPlatforms(
    spec,
    found(earlier, isSame, () => platforms(image), resolve),
  );
}

/** What was known of the same image stays until something else is. */
function found(
  earlier: readonly Platform[],
  isSame: boolean,
  look: () => readonly Platform[],
  resolve: ResolveImage,
): readonly Platform[] {
  if (resolve === ResolveImage.NEVER) return [];
  if (resolve === ResolveImage.CHANGED && isSame) return earlier;
  const now = look();
  return now.length === 0 ? earlier : now;
}

function withPlatforms(spec: CompleteServiceSpec, platforms: readonly Platform[]): CompleteServiceSpec {
  if (platforms.length === 0 && spec.placement === undefined) return spec;
  const placement = { ...(spec.placement ?? Placement.create()), imagePlatforms: [...platforms] };
  const { constraints, spread, maxReplicasPerNode, strategy, imagePlatforms } = placement;
  const says = constraints.length + spread.length + maxReplicasPerNode + strategy + imagePlatforms.length;
  // One that says nothing is the same as none.
  return { ...spec, placement: says + placement.platforms.length === 0 ? undefined : placement };
}
