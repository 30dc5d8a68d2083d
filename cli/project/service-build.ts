/** What the builder is asked for a service, and what goes with the request. */
import { resolve } from 'node:path';
import { type EngineClient, ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import { fitsPlatform, parsePlatform } from '../../proto/platform.ts';
import { readCacheSources, readCacheTargets, writeCache } from '../build/build-caches.ts';
import type { BuildResults } from '../build/build-image.ts';
import { type BuildSource, openBuildSource, openInlineSource, type SentContext } from '../build/build-source.ts';
import { readNamedContexts } from '../build/named-contexts.ts';
import { readSshSources } from '../build/ssh-agents.ts';
import type { Cli } from '../cli.ts';
import type { LoadedService, LoadedStack } from '../compose/load-stack.ts';
import { isRemoteContext } from '../compose/source/paths.ts';
import { ask } from '../connection.ts';
import { CliError } from '../failure.ts';
import { allCredentials } from '../registry/credentials.ts';

export type Build = NonNullable<LoadedService['build']>;

/** What is wanted of builds beyond what the files say. */
export interface BuildWishes {
  /** Only of these; undefined: of all. */
  readonly services?: readonly LoadedService[];
  readonly noCache?: boolean;
  /** Asks registries for base images that are here, too. */
  readonly pull?: boolean;
  /** In addition to those of the files. */
  readonly args?: Readonly<Record<string, string>>;
  /** All that the files say, or the one that is run here, as Compose has it for `up`; undefined: that. */
  readonly platforms?: 'all' | 'one';
}

export interface ServiceBuild {
  readonly service: LoadedService;
  readonly build: Build;
}

export interface OpenBuild {
  readonly options: ImageBuildOptions;
  readonly context: SentContext;
  /** Of named contexts. */
  readonly named: ReadonlyMap<string, AsyncIterable<Buffer>>;
  readonly agents: ReturnType<typeof readSshSources>;
  /** What becomes of what is asked for besides the image. */
  readonly results: BuildResults;
}

/** Throws for what can't be read. */
export async function openServiceBuild(
  engine: EngineClient,
  cli: Cli,
  loaded: LoadedStack,
  { service, build }: ServiceBuild,
  wishes: BuildWishes,
): Promise<OpenBuild> {
  const { context, ...source } = await sourceOf(cli, build);
  const { sources, sent: named } = readNamedContexts(namedContexts(loaded, build), cli);
  const taken = await readCacheSources(cli, build.cacheFrom);
  const tags = [service.image, ...build.tags];
  const kept = readCacheTargets(build.cacheTo, tags);
  const agents = readSshSources(build.ssh, cli);
  const options: ImageBuildOptions = {
    ...buildOptions(build, wishes),
    ...{ ...source, tags },
    ...{ namedContexts: { ...sources, ...taken.sources }, sshIds: [...agents.keys()] },
    ...{ cacheImages: [...taken.images], inlineCache: kept.isInline, cacheExport: kept.export },
    platform: wishes.platforms === 'all' ? build.platforms.join(',') : await platformOf(engine, build),
    credentials: await allCredentials(cli),
  };
  const { directory } = kept;
  const results: BuildResults =
    directory === undefined ? {} : { takeCache: (archive) => writeCache(cli, directory, archive) };
  return { options, context, named: new Map([...named, ...taken.sent]), agents, results };
}

async function sourceOf(cli: Cli, { context, dockerfile, dockerfileText }: Build): Promise<BuildSource> {
  try {
    if (dockerfileText !== '') return await openInlineSource(cli, context, dockerfileText);
    return await openBuildSource(cli, context, isRemoteContext(context) ? dockerfile : resolve(context, dockerfile));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(error.message, { hint: 'correct context or dockerfile' });
  }
}

/** NAME=PLACE, where another service is its image. */
function namedContexts(loaded: LoadedStack, { additionalContexts }: Build): string[] {
  return Object.entries(additionalContexts).map(([name, place]) => {
    const other = loaded.services.find((service) => place === `service:${service.name}`);
    return `${name}=${other === undefined ? place : `docker-image://${other.image}`}`;
  });
}

/** Of several, the service's is built, or the host's own: the one that runs here. */
async function platformOf(engine: EngineClient, { platform: own, platforms }: Build): Promise<string> {
  const [first = '', ...others] = platforms;
  if (own !== '' || others.length === 0) return first;
  const { architecture } = await ask(engine, engine.info, {});
  const fitting = platforms.find((text) => {
    const platform = parsePlatform(text);
    return platform !== undefined && fitsPlatform(platform, { os: 'linux', architecture });
  });
  if (fitting !== undefined) return fitting;
  throw new CliError(`none of the platforms ${platforms.join(', ')} is this host's, linux/${architecture}`, {
    hint: 'say which one to build under platform',
  });
}

function buildOptions(build: Build, { noCache = false, pull = false, args = {} }: BuildWishes): ImageBuildOptions {
  return ImageBuildOptions.create({
    args: { ...build.args, ...args },
    target: build.target,
    labels: { ...build.labels },
    noCache: build.noCache || noCache,
    noCacheStages: [...build.noCacheStages],
    pull: build.pull || pull,
    network: build.network,
    extraHosts: [...build.extraHosts],
    shmSizeBytes: build.shmSizeBytes,
    ulimits: [...build.ulimits],
    secrets: { ...build.secrets },
    reuse: true,
  });
}
