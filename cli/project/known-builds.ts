/** What a deploy would build, without building it. */
import { EngineClient, type PinnedImage } from '../../proto/generated/gantry/v1/engine.ts';
import { findKnownBuild } from '../build/known-build.ts';
import type { Cli } from '../cli.ts';
import type { LoadedStack } from '../compose/load-stack.ts';
import { isLocalCache } from '../compose/stack/build.ts';
import { servicesInBuild } from '../compose/stack/build-order.ts';
import { withClient } from '../connection.ts';
import { atPlace, distinctBuilds } from './build-services.ts';
import { openServiceBuild, type ServiceBuild } from './service-build.ts';

export interface BuildForecast {
  /** By image: those that were built from the same sources before. */
  readonly built: Readonly<Record<string, PinnedImage>>;
  /** Images that are to be built first. */
  readonly toBuild: readonly string[];
}

/** Rejects, with the place in the file, for sources that can't be read. */
export async function forecastBuilds(cli: Cli, loaded: LoadedStack): Promise<BuildForecast> {
  const builds = distinctBuilds(loaded.services);
  if (builds.length === 0) return { built: {}, toBuild: [] };
  const found = await withClient(EngineClient, cli, (engine) =>
    Promise.all(builds.map((one) => atPlace(loaded, one.service.name, () => knownImage(engine, cli, loaded, one)))),
  );
  const built: Record<string, PinnedImage> = {};
  const toBuild = new Set<string>();
  builds.forEach(({ service, build }, index) => {
    const isFromNew = servicesInBuild(build).some((name) => toBuild.has(imageOf(loaded, name)));
    const image = found[index];
    if (image === undefined || isFromNew) toBuild.add(service.image);
    else built[service.image] = image;
  });
  for (const image of toBuild) delete built[image];
  return { built, toBuild: [...toBuild] };
}

async function knownImage(
  engine: EngineClient,
  cli: Cli,
  loaded: LoadedStack,
  job: ServiceBuild,
): Promise<PinnedImage | undefined> {
  const { additionalContexts, cacheFrom, cacheTo } = job.build;
  // What is sent besides the context isn't listed, and a cache that is to be written is written anyway: nothing is known of it.
  const isOfImages = Object.values(additionalContexts).every((place) => /^(service|docker-image):/.test(place));
  const isAlone = ![...cacheFrom, ...cacheTo].some(isLocalCache);
  if (!isOfImages || !isAlone) return undefined;
  const { options, context } = await openServiceBuild(engine, cli, loaded, job, {});
  return context.kind === 'directory' ? await findKnownBuild(engine, options, context.directory) : undefined;
}

function imageOf({ services }: LoadedStack, name: string): string {
  return services.find((service) => service.name === name)?.image ?? '';
}
