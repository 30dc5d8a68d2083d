/** Builds the images of services, each after those that it is built from. */
import { EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import { createBuildDisplay } from '../build/build-display.ts';
import { buildImage } from '../build/build-image.ts';
import { withAgentSockets } from '../build/ssh-agents.ts';
import { type Cli, printLine } from '../cli.ts';
import type { LoadedService, LoadedStack } from '../compose/load-stack.ts';
import { inBuildOrder } from '../compose/stack/build-order.ts';
import { withClient } from '../connection.ts';
import { CliError, isGantryError } from '../failure.ts';
import { type BuildWishes, type OpenBuild, openServiceBuild, type ServiceBuild } from './service-build.ts';

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
      await atPlace(loaded, service.name, async () => {
        await runBuild(engine, cli, await openServiceBuild(engine, cli, loaded, { service, build }, wishes), quiet);
      });
    }
  });
}

/** Services that share an image and how it is built share the build. */
export function distinctBuilds(services: readonly LoadedService[]): ServiceBuild[] {
  const builds = new Map<string, ServiceBuild>();
  for (const service of inBuildOrder(services)) {
    const { image, build } = service;
    const key = JSON.stringify([image, build]);
    if (build !== undefined && !builds.has(key)) builds.set(key, { service, build });
  }
  return [...builds.values()];
}

export async function atPlace<T>(loaded: LoadedStack, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isGantryError(error) && !(error instanceof CliError)) throw error;
    const { file, line, column } = loaded.locate('services', name, 'build');
    throw new CliError(`${file}:${line}:${column}: services.${name}.build: ${error.message}`, { hint: error.hint });
  }
}

async function runBuild(engine: EngineClient, cli: Cli, opened: OpenBuild, quiet: boolean): Promise<void> {
  const { options, context, named, agents, results } = opened;
  await withAgentSockets(agents, async (sockets) => {
    const display = createBuildDisplay(cli, quiet ? 'quiet' : 'auto');
    await buildImage(engine, options, { context, named, sockets }, display, results);
  });
}
