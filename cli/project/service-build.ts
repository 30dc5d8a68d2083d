/** What the builder is asked for a service, and what goes with the request. */
import { resolve } from 'node:path';
import { type EngineClient, ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import { fitsPlatform, parsePlatform } from '../../proto/platform.ts';
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
  const agents = readSshSources(build.ssh, cli);
  const options: ImageBuildOptions = {
    ...buildOptions(service, build, wishes),
    ...source,
    ...{ namedContexts: { ...sources }, sshIds: [...agents.keys()] },
    platform: await platformOf(engine, build),
    credentials: await allCredentials(cli),
  };
  return { options, context, named, agents };
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

/** Of several, the host's own is built: the one that runs here. */
async function platformOf(engine: EngineClient, { platforms }: Build): Promise<string> {
  const [first = '', ...others] = platforms;
  if (others.length === 0) return first;
  const { architecture } = await ask(engine, engine.info, {});
  const own = platforms.find((text) => {
    const platform = parsePlatform(text);
    return platform !== undefined && fitsPlatform(platform, { os: 'linux', architecture });
  });
  if (own !== undefined) return own;
  throw new CliError(`none of the platforms ${platforms.join(', ')} is this host's, linux/${architecture}`, {
    hint: 'say which one to build under platform',
  });
}

function buildOptions(
  service: LoadedService,
  build: Build,
  { noCache = false, pull = false, args = {} }: BuildWishes,
): ImageBuildOptions {
  return ImageBuildOptions.create({
    tags: [service.image, ...build.tags],
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
    cacheImages: [...build.cacheImages],
    inlineCache: build.inlineCache,
    secrets: { ...build.secrets },
    reuse: true,
  });
}
