/** Builds the images of services, each after those that it is built from. */
import { resolve } from 'node:path';
import { EngineClient, ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import { fitsPlatform, parsePlatform } from '../../proto/platform.ts';
import { createBuildDisplay } from '../build/build-display.ts';
import { buildImage } from '../build/build-image.ts';
import { type BuildSource, openBuildSource, openInlineSource } from '../build/build-source.ts';
import { readNamedContexts } from '../build/named-contexts.ts';
import { readSshSources, withAgentSockets } from '../build/ssh-agents.ts';
import { type Cli, printLine } from '../cli.ts';
import type { LoadedService, LoadedStack } from '../compose/load-stack.ts';
import { isRemoteContext } from '../compose/source/paths.ts';
import { inBuildOrder } from '../compose/stack/build-order.ts';
import { ask, withClient } from '../connection.ts';
import { CliError, isGantryError } from '../failure.ts';
import { allCredentials } from '../registry/credentials.ts';

type Build = NonNullable<LoadedService['build']>;

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

/** Rejects with the place in the file of a build that fails. */
export async function buildServices(
  cli: Cli,
  loaded: LoadedStack,
  quiet: boolean,
  wishes: BuildWishes = {},
): Promise<void> {
  const builds = distinctBuilds(wishes.services ?? loaded.services);
  if (builds.length === 0) return;
  await withClient(EngineClient, cli, async (engine) => {
    for (const { service, build } of builds) {
      if (!quiet) await printLine(cli, `Building ${service.image} for service ${service.name}`);
      await atPlace(loaded, service.name, () => buildService(engine, cli, loaded, { service, build, quiet, wishes }));
    }
  });
}

/** Services that share an image and how it is built share the build. */
function distinctBuilds(services: readonly LoadedService[]): { service: LoadedService; build: Build }[] {
  const builds = new Map<string, { service: LoadedService; build: Build }>();
  for (const service of inBuildOrder(services)) {
    const { image, build } = service;
    const key = JSON.stringify([image, build]);
    if (build !== undefined && !builds.has(key)) builds.set(key, { service, build });
  }
  return [...builds.values()];
}

async function atPlace(loaded: LoadedStack, name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isGantryError(error) && !(error instanceof CliError)) throw error;
    const { file, line, column } = loaded.locate('services', name, 'build');
    throw new CliError(`${file}:${line}:${column}: services.${name}.build: ${error.message}`, { hint: error.hint });
  }
}

interface Job {
  readonly service: LoadedService;
  readonly build: Build;
  readonly quiet: boolean;
  readonly wishes: BuildWishes;
}

async function buildService(engine: EngineClient, cli: Cli, loaded: LoadedStack, job: Job): Promise<void> {
  const { build, service, quiet, wishes } = job;
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
  await withAgentSockets(agents, async (sockets) => {
    await buildImage(engine, options, { context, named, sockets }, createBuildDisplay(cli, quiet ? 'quiet' : 'auto'));
  });
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
  });
}
