/** `compose up`: brings a project to what its files say, and shows what its containers write. */
import type { Command, Option } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { PullPolicy } from '../../../proto/generated/gantry/v1/types.ts';
import { type Cli, complain } from '../../cli.ts';
import { collect, refuse } from '../../command-line.ts';
import type { LoadedStack } from '../../compose/load-stack.ts';
import { serviceOf } from '../../compose/model/normalize.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError, EXIT } from '../../failure.ts';
import { stopTimeout } from '../../options/stop-timeout.ts';
import { oneOf } from '../../options/words.ts';
import type { AbortRule } from '../../project/attached.ts';
import { changeLines } from '../../project/changes.ts';
import { type BuildWhen, deployProject, prepareProjectImages } from '../../project/deploy-project.ts';
import { allServiceNames, declareProject, loadProject, type ProjectOptions } from '../../project/project-options.ts';
import type { ProjectService } from '../../project/project-state.ts';
import { followInForeground, stateBefore, waitInBackground } from '../../project/run.ts';
import { fileServices, type SelectedService, select, serviceNamed } from '../../project/selection.ts';
import { servicesOfStaleImages } from '../../project/stale-images.ts';
import { StopSignals } from '../../project/stop-signals.ts';
import { parseScale } from '../service/scale.ts';

interface UpOptions extends ProjectOptions {
  readonly detach?: boolean;
  /** False for --no-build. */
  readonly build?: boolean;
  readonly pull?: PullPolicy | 'build';
  readonly wait?: boolean;
  readonly waitTimeout?: number;
  readonly scale: readonly string[];
  readonly removeOrphans?: boolean;
  readonly forceRecreate?: boolean;
  /** False for --no-deps. */
  readonly deps: boolean;
  readonly timeout?: number;
  readonly quietPull?: boolean;
  readonly abortOnContainerExit?: boolean;
  readonly abortOnContainerFailure?: boolean;
  readonly exitCodeFrom?: string;
  readonly attach: readonly string[];
  readonly noAttach: readonly string[];
  readonly attachDependencies?: boolean;
  readonly color: boolean;
  readonly logPrefix: boolean;
  readonly timestamps?: boolean;
}

const PULL = {
  always: PullPolicy.ALWAYS,
  missing: PullPolicy.MISSING,
  never: PullPolicy.NEVER,
  build: 'build',
} as const;

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services, with those that they depend on (default: all)'))
    .option('-d, --detach', 'go on in the background once all have started')
    .option('--build', 'build images before')
    .option('--no-build', "don't build, although an image is missing")
    .option('--pull <policy>', 'pull images before: always, missing, never or build', oneOf('--pull', PULL))
    .option('--quiet-pull', "don't show how far images are")
    .option('--wait', 'wait until all are healthy, and go on in the background')
    .option('--wait-timeout <seconds>', 'longest time to wait', stopTimeout)
    .option('--scale <service=number>', 'so many containers of a service', collect, [])
    .option('--remove-orphans', 'remove services that the files no longer have')
    .option('--force-recreate', 'make containers anew although nothing has changed')
    .option('--no-deps', 'without the services that the named ones depend on')
    .option('-t, --timeout <seconds>', 'how long containers have to stop when this is interrupted', stopTimeout)
    .option('--abort-on-container-exit', 'stop all when one container ends')
    .option('--abort-on-container-failure', 'stop all when one container fails')
    .option('--exit-code-from <service>', 'the same, with the exit code of the container of a service')
    .option('--attach <service>', 'show only what this service writes', collect, [])
    .addOption(noAttachOption(command))
    .option('--attach-dependencies', 'show what named services depend on, too')
    .option('--no-color', 'without colours')
    .option('--no-log-prefix', 'only what was written, without the container before each line')
    .option('--timestamps', 'begin each line with its time')
    .option('-y, --yes', 'as docker has it; nothing is asked here')
    .action((services: string[], options: UpOptions) => up(cli, services, options));
  refuse(command, '--no-recreate', 'what has not changed is left alone anyway');
  refuse(command, '--no-start', "'gantry compose stop' stops a project that was started");
  refuse(command, '-V, --renew-anon-volumes', 'new containers have new anonymous volumes anyway');
  refuse(command, '-w, --watch', "run 'gantry compose up -d --build' after each change");
  refuse(command, '--menu', 'leave it out');
  refuse(command, '--always-recreate-deps', 'use --force-recreate');
}

/** Commander would take it for the opposite of --attach. */
function noAttachOption(command: Command): Option {
  const option = command.createOption('--no-attach <service>', "don't show what this service writes");
  option.negate = false;
  return option.argParser(collect).default([]);
}

async function up(cli: Cli, names: readonly string[], options: UpOptions): Promise<void> {
  const isDetached = refuseContradictions(options);
  const loaded = await loadProject(cli, options);
  const all = fileServices(loaded);
  const services = select(all, names, options.deps ? 'with-dependencies' : 'alone');
  const rule = abortRule(all, options);
  const pull = options.pull === 'build' ? undefined : options.pull;
  const quiet = options.quietPull ?? false;
  const registry = await prepareProjectImages(cli, loaded, services, { build: buildWhen(options), pull, quiet });
  // From here on an interruption is about the project.
  const signals = isDetached ? undefined : new StopSignals();
  try {
    await withClient(ControlClient, cli, async (control) => {
      const before = await stateBefore(control, loaded.spec.name);
      const recreate = options.forceRecreate
        ? new Set(services.map(({ name }) => name))
        : await servicesOfStaleImages(cli, services, before);
      const wishes = { pull, scale: scaleOf(all, options.scale), recreate, registry };
      const changes = await deployProject(control, loaded, services, before.services, wishes);
      for (const line of changeLines(changes)) await complain(cli, line);
      await tellOrphans(cli, control, before.services, all, options);
      const run = { project: loaded.spec.name, services, changes, before };
      if (signals === undefined) await waitInBackground(cli, control, run, options);
      else {
        const shown = new Set(shownServices(loaded, services, names, options).map(({ fullName }) => fullName));
        cli.exitCode = await followInForeground(cli, control, run, { ...options, rule, signals, shown });
      }
    });
  } finally {
    signals?.close();
  }
}

/** Gives back whether it goes on in the background. */
function refuseContradictions(options: UpOptions): boolean {
  const { detach = false, wait = false, abortOnContainerExit, abortOnContainerFailure, exitCodeFrom } = options;
  const aborts = abortOnContainerExit || abortOnContainerFailure || exitCodeFrom !== undefined;
  const attaches = aborts || options.attach.length > 0 || options.attachDependencies;
  if ((detach || wait) && attaches) {
    throw new CliError(
      '--detach and --wait cannot be combined with flags about what is shown, or that stop the project',
      {
        hint: 'leave out one of them',
        exitCode: EXIT.refused,
      },
    );
  }
  return detach || wait;
}

function buildWhen({ build, pull }: UpOptions): BuildWhen {
  if (build === false) return 'never';
  return build === true || pull === 'build' ? 'always' : 'missing';
}

function abortRule(services: readonly SelectedService[], options: UpOptions): AbortRule {
  const { abortOnContainerExit, abortOnContainerFailure, exitCodeFrom } = options;
  if (exitCodeFrom !== undefined) return { on: 'exit-of', service: serviceNamed(services, exitCodeFrom).name };
  if (abortOnContainerExit) return { on: 'exit' };
  return abortOnContainerFailure ? { on: 'failure' } : { on: 'nothing' };
}

function scaleOf(services: readonly SelectedService[], pairs: readonly string[]): Record<string, number> {
  const scale = parseScale(pairs);
  for (const name of Object.keys(scale)) serviceNamed(services, name);
  return scale;
}

/** Services that are in no file any more. */
async function tellOrphans(
  cli: Cli,
  control: ControlClient,
  before: readonly ProjectService[],
  active: readonly SelectedService[],
  options: UpOptions,
): Promise<void> {
  const known = new Set(active.map(({ name }) => name));
  const missing = before.filter(({ name }) => !known.has(name));
  if (missing.length === 0) return;
  const inFiles = allServiceNames(cli, options);
  const orphans = missing.filter(({ name }) => !inFiles.has(name));
  if (orphans.length === 0) return;
  if (options.removeOrphans) {
    await ask(control, control.serviceRemove, { references: orphans.map(({ service }) => service.id) });
    for (const { name } of orphans) await complain(cli, `Removing service ${name}`);
    return;
  }
  const names = orphans.map(({ name }) => name).join(', ');
  await complain(
    cli,
    `gantry: warning: the project has services that are not in its files: ${names}; --remove-orphans removes them`,
  );
}

/** As the flags have it; of those that were named, without their dependencies; and not what says `attach: false`. */
function shownServices(
  loaded: LoadedStack,
  services: readonly SelectedService[],
  names: readonly string[],
  { attach, noAttach, attachDependencies = false }: UpOptions,
): readonly SelectedService[] {
  for (const name of [...attach, ...noAttach]) serviceNamed(fileServices(loaded), name);
  if (attach.length > 0) return services.filter(({ name }) => attach.includes(name));
  const isMeant = (name: string) =>
    serviceOf(loaded.model, name)?.attach !== false &&
    (names.length === 0 || attachDependencies || names.includes(name));
  return services.filter(({ name }) => isMeant(name) && !noAttach.includes(name));
}
