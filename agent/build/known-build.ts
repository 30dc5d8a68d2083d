/** A build whose image is known before it is gone through. */
import type { ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import type { ImageRecord } from '../image/image-index.ts';
import { parseTag } from '../image/image-lookup.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { BuildCall, BuildRunParts } from './build-call.ts';
import type { BuildContext } from './build-context.ts';
import { BuildInput } from './build-input.ts';
import { keyOfBuild } from './known-builds.ts';

/** By which the build is found again; undefined for one that isn't to be. */
export async function keyOfSources(
  { workers }: Pick<ImageStore, 'workers'>,
  options: ImageBuildOptions,
  dockerfile: { readonly name: string; readonly text: string },
  context: BuildContext,
): Promise<string | undefined> {
  // The files aren't looked through for nothing.
  if (!options.reuse) return undefined;
  return keyOfBuild({ options, dockerfile, context: await context.content(workers) });
}

/** Tells what a build would give, from the listing of its context alone, if that is known. */
export async function tellKnown(
  { contexts, images, known }: Pick<BuildRunParts, 'contexts' | 'images' | 'known'>,
  { options, messages, events }: Pick<BuildCall, 'options' | 'messages' | 'events'>,
): Promise<undefined> {
  if (options.contextId === '') return undefined;
  const context = await contexts.known(options.contextId, await new BuildInput(messages).listing());
  if (context === undefined) return undefined;
  const source = await context.readDockerfile(options.dockerfile, options.dockerfileText);
  const key = await keyOfSources(images, options, source, context);
  const image = key === undefined ? undefined : known.find(key);
  if (image === undefined) return undefined;
  const { os, architecture } = image.document;
  const value = { digest: image.manifestDigest, platform: { os, architecture }, otherPlatforms: [] };
  events.push({ message: { $case: 'known', value } });
  return undefined;
}

/** Gives an image that was built before the tags that it would get. */
export async function nameAgain(
  images: Pick<ImageStore, 'named' | 'rename'>,
  { manifestDigest }: ImageRecord,
  tags: readonly string[],
): Promise<void> {
  const lost = tags.map(parseTag).filter((name) => images.named(name)?.manifest !== manifestDigest);
  if (lost.length > 0) await images.rename(manifestDigest, manifestDigest, lost);
}
