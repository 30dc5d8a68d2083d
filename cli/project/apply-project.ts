/** Brings the services of a project to what the files say, and says what that changes: `up`, `create` and `scale`. */
import type { Command } from 'commander';
import type { ControlClient, RegistryFacts } from '../../proto/generated/gantry/v1/control.ts';
import { PullPolicy } from '../../proto/generated/gantry/v1/types.ts';
import { type Cli, complain } from '../cli.ts';
import { collect } from '../command-line.ts';
import type { LoadedStack } from '../compose/load-stack.ts';
import { oneOf } from '../options/words.ts';
import { type ProgressMode, progressIn } from '../terminal/progress.ts';
import { changeLines } from './changes.ts';
import { deployProject, prepareProjectImages } from './deploy-project.ts';
import type { BuildWhen } from './image-need.ts';
import { allServiceNames, type ProjectOptions } from './project-options.ts';
import type { ProjectService } from './project-state.ts';
import { removeServices } from './remove-services.ts';
import { type Run, stateBefore } from './run.ts';
import { fileServices, type SelectedService, serviceNamed } from './selection.ts';
import { servicesOfStaleImages } from './stale-images.ts';

export interface ApplyOptions extends ProjectOptions {
  /** False for --no-build. */
  readonly build?: boolean;
  readonly pull?: PullPolicy | 'build';
  readonly quietPull?: boolean;
  readonly quietBuild?: boolean;
  readonly scale: readonly string[];
  readonly removeOrphans?: boolean;
  readonly forceRecreate?: boolean;
}

const PULL = {
  always: PullPolicy.ALWAYS,
  missing: PullPolicy.MISSING,
  never: PullPolicy.NEVER,
  build: 'build',
} as const;

/** Flags of `up` and `create`. */
export function declareApplyOptions(command: Command): Command {
  return command
    .option('--build', 'build images before')
    .option('--no-build', "don't build, although an image is missing")
    .option('--pull <policy>', 'pull images before: always, missing, never or build', oneOf('--pull', PULL))
    .option('--quiet-pull', "don't show how far images are")
    .option('--quiet-build', "don't show how far builds are")
    .option('--scale <service=number>', 'so many containers of a service', collect, [])
    .option('--remove-orphans', 'remove services that the files no longer have')
    .option('--force-recreate', 'make containers anew although nothing has changed')
    .option('-y, --yes', 'as docker has it; nothing is asked here');
}

/** Why `--no-recreate` is refused. */
export const NO_RECREATE = 'name the services that are missing, with --no-deps: all others are left as they are';

/** Builds and pulls what `applyProject` needs. */
export function prepareImagesFor(
  cli: Cli,
  loaded: LoadedStack,
  services: readonly SelectedService[],
  options: ApplyOptions,
): Promise<RegistryFacts> {
  const wishes = { build: buildWhen(options), pull: policyOf(options), progress: buildProgress(options) };
  return prepareProjectImages(cli, loaded, services, wishes);
}

export interface Application {
  readonly loaded: LoadedStack;
  /** Of those of the files. */
  readonly services: readonly SelectedService[];
  readonly registry: RegistryFacts;
  /** By service. */
  readonly scale: Readonly<Record<string, number>>;
  readonly idle: 'start' | 'leave';
  readonly others: 'awaited' | 'left-out';
  /** Services whose containers are made anew although nothing has changed. */
  readonly recreate?: ReadonlySet<string>;
}

export async function applyProject(
  cli: Cli,
  control: ControlClient,
  { loaded, services, registry, scale, idle, others, recreate: wanted = new Set() }: Application,
  options: ApplyOptions,
): Promise<Run> {
  const all = fileServices(loaded);
  for (const name of Object.keys(scale)) serviceNamed(all, name);
  const before = await stateBefore(control, loaded.spec.name);
  const recreate = options.forceRecreate
    ? new Set(services.map(({ name }) => name))
    : (await servicesOfStaleImages(cli, services, before)).union(wanted);
  // First, since they may have what takes their place: names, and ports.
  await settleOrphans(cli, control, loaded.spec.name, orphansOf(cli, before.services, all, options), options);
  const wishes = { pull: policyOf(options), scale, recreate, registry, idle, others };
  const changes = await deployProject(cli, control, loaded, services, before.services, wishes);
  for (const line of changeLines(changes)) await complain(cli, line);
  return { project: loaded.spec.name, services, changes, before };
}

function buildWhen({ build, pull }: ApplyOptions): BuildWhen {
  if (build === false) return 'never';
  return build === true || pull === 'build' ? 'always' : 'missing';
}

function buildProgress({ quietBuild = false, quietPull = false, progress }: ApplyOptions): ProgressMode {
  return quietBuild || quietPull ? 'quiet' : progress;
}

function policyOf({ pull }: ApplyOptions): PullPolicy | undefined {
  return pull === 'build' ? undefined : pull;
}

/** Services that are in no file any more. */
function orphansOf(
  cli: Cli,
  before: readonly ProjectService[],
  active: readonly SelectedService[],
  options: ApplyOptions,
): readonly ProjectService[] {
  const known = new Set(active.map(({ name }) => name));
  const missing = before.filter(({ name }) => !known.has(name));
  if (missing.length === 0) return [];
  const inFiles = allServiceNames(cli, options);
  return missing.filter(({ name }) => !inFiles.has(name));
}

async function settleOrphans(
  cli: Cli,
  control: ControlClient,
  project: string,
  orphans: readonly ProjectService[],
  { removeOrphans = false }: ApplyOptions,
): Promise<void> {
  if (orphans.length === 0) return;
  if (removeOrphans) {
    const progress = progressIn(cli.stderr, 'quiet');
    for (const { name } of orphans) await complain(cli, `Removing service ${name}`);
    return await removeServices(cli, control, project, orphans, { timeoutMs: undefined, progress });
  }
  const names = orphans.map(({ name }) => name).join(', ');
  await complain(
    cli,
    `gantry: warning: the project has services that are not in its files: ${names}; --remove-orphans removes them`,
  );
}
