/** Builds the images of services side by side, each after those that it is built from. */
import { EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import { type BuildDisplay, createBuildDisplay, type ProgressKind } from '../build/build-display.ts';
import { buildImage } from '../build/build-image.ts';
import { JointBuildDisplay } from '../build/joint-display.ts';
import { withAgentSockets } from '../build/ssh-agents.ts';
import { type Cli, complain } from '../cli.ts';
import type { LoadedService, LoadedStack } from '../compose/load-stack.ts';
import { reachable } from '../compose/reachable.ts';
import { inBuildOrder, servicesInBuild } from '../compose/stack/build-order.ts';
import { withClient } from '../connection.ts';
import { CliError, isGantryError } from '../failure.ts';
import { type BuildJob, runBuildJobs } from './build-jobs.ts';
import { type BuildWishes, type OpenBuild, openServiceBuild, type ServiceBuild } from './service-build.ts';

/** Rejects with the place in the file of the first build that fails; the others are broken off then. */
export async function buildServices(
  cli: Cli,
  loaded: LoadedStack,
  progress: ProgressKind,
  wishes: BuildWishes = {},
): Promise<void> {
  const builds = distinctBuilds(withParts(loaded, wishes.services ?? loaded.services));
  if (builds.length === 0) return;
  if (progress !== 'quiet') {
    for (const { service } of builds) await complain(cli, `Building ${service.image} for service ${service.name}`);
  }
  const display = new JointBuildDisplay(createBuildDisplay(cli, progress));
  try {
    await withClient(EngineClient, cli, async (engine) => {
      const run = (job: ServiceBuild, signal: AbortSignal) =>
        atPlace(loaded, job.service.name, async () => {
          const opened = await openServiceBuild(engine, cli, loaded, job, wishes);
          await runBuild(engine, opened, display.of(job.service.name), signal);
        });
      await runBuildJobs(buildJobs(loaded, builds, run));
    });
  } finally {
    display.end();
  }
}

/** And those whose images they are built from. */
function withParts({ services }: LoadedStack, wanted: readonly LoadedService[]): LoadedService[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  const parts = ({ build }: LoadedService) =>
    build === undefined ? [] : servicesInBuild(build).flatMap((name) => byName.get(name) ?? []);
  const names = new Set([...reachable(wanted, parts)].map(({ name }) => name));
  return services.flatMap((service) => {
    if (!names.has(service.name)) return [];
    return [wanted.find(({ name }) => name === service.name) ?? service];
  });
}

/** Services that share an image and how it is built share the build. Each after those that it is built from. */
export function distinctBuilds(services: readonly LoadedService[]): ServiceBuild[] {
  const builds = new Map<string, ServiceBuild>();
  for (const service of inBuildOrder(services)) {
    const { build } = service;
    if (build !== undefined && !builds.has(keyOf(service))) builds.set(keyOf(service), { service, build });
  }
  return [...builds.values()];
}

function keyOf({ image, build }: LoadedService): string {
  return JSON.stringify([image, build]);
}

/** Of builds that give an image the same name the last one has it, as in the order of the files. */
function buildJobs(
  { services }: LoadedStack,
  builds: readonly ServiceBuild[],
  run: (job: ServiceBuild, signal: AbortSignal) => Promise<void>,
): BuildJob[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  return builds.map((job, index) => {
    const parts = servicesInBuild(job.build).flatMap((name) => byName.get(name) ?? []);
    const sameName = builds.slice(0, index).filter(({ service }) => service.image === job.service.image);
    const needs = [...parts, ...sameName.map(({ service }) => service)].map(keyOf);
    return { key: keyOf(job.service), needs, run: (signal) => run(job, signal) };
  });
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

async function runBuild(
  engine: EngineClient,
  { options, context, named, agents, results }: OpenBuild,
  display: BuildDisplay,
  signal: AbortSignal,
): Promise<void> {
  await withAgentSockets(agents, async (sockets) => {
    await buildImage(engine, options, { context, named, sockets, signal }, display, results);
  });
}
