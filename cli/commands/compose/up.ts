/** `compose up`: brings a project to what its files say, and shows what its containers write. */
import type { Command, Option } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { collect, refuse } from '../../command-line.ts';
import type { LoadedStack } from '../../compose/load-stack.ts';
import { serviceOf } from '../../compose/model/normalize.ts';
import { withClient } from '../../connection.ts';
import { CliError, EXIT } from '../../failure.ts';
import { parseScale } from '../../options/scale.ts';
import { stopTimeout } from '../../options/stop-timeout.ts';
import {
  type ApplyOptions,
  applyProject,
  declareApplyOptions,
  NO_RECREATE,
  prepareImagesFor,
} from '../../project/apply-project.ts';
import type { AbortRule } from '../../project/attached.ts';
import { declareProject, loadProject } from '../../project/project-options.ts';
import { followInForeground, waitInBackground } from '../../project/run.ts';
import { fileServices, type SelectedService, select, serviceNamed } from '../../project/selection.ts';
import { StopSignals } from '../../project/stop-signals.ts';

interface UpOptions extends ApplyOptions {
  readonly detach?: boolean;
  /** False for --no-start. */
  readonly start: boolean;
  readonly wait?: boolean;
  readonly waitTimeout?: number;
  /** False for --no-deps. */
  readonly deps: boolean;
  readonly timeout?: number;
  readonly abortOnContainerExit?: boolean;
  readonly abortOnContainerFailure?: boolean;
  readonly exitCodeFrom?: string;
  readonly attach: readonly string[];
  readonly noAttach: readonly string[];
  readonly attachDependencies?: boolean;
  readonly color: boolean;
  readonly logPrefix: boolean;
  readonly timestamps?: boolean;
  readonly alwaysRecreateDeps?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareApplyOptions(
    declareProject(command.argument('[service...]', 'services, with those that they depend on (default: all)')),
  )
    .option('-d, --detach', 'go on in the background once all have started')
    .option('--no-start', 'make what is missing, and start nothing')
    .option('--wait', 'wait until all are healthy, and go on in the background')
    .option('--wait-timeout <seconds>', 'longest time to wait', stopTimeout)
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
    .option('--always-recreate-deps', 'make the containers anew of what the named services depend on')
    .option('-V, --renew-anon-volumes', 'as docker has it; new containers have new anonymous volumes anyway')
    .action((services: string[], options: UpOptions) => up(cli, services, options));
  refuse(command, '--no-recreate', NO_RECREATE);
  refuse(command, '-w, --watch', "run 'gantry compose up -d --build' after each change");
  refuse(command, '--menu', 'leave it out');
}

/** Commander would take it for the opposite of --attach. */
function noAttachOption(command: Command): Option {
  const option = command.createOption('--no-attach <service>', "don't show what this service writes");
  option.negate = false;
  return option.argParser(collect).default([]);
}

async function up(cli: Cli, names: readonly string[], options: UpOptions): Promise<void> {
  const isDetached = refuseContradictions(options);
  const loaded = await loadProject(cli, options, names);
  const all = fileServices(loaded);
  const services = select(all, names, options.deps ? 'with-dependencies' : 'alone');
  const rule = abortRule(all, options);
  const scale = parseScale(options.scale);
  const registry = await prepareImagesFor(cli, loaded, services, options);
  const idle = options.start ? 'start' : 'leave';
  const others = options.deps ? 'awaited' : 'left-out';
  const recreate = options.alwaysRecreateDeps ? dependencyNames(services, names) : new Set<string>();
  // From here on an interruption is about the project.
  const signals = isDetached ? undefined : new StopSignals();
  try {
    await withClient(ControlClient, cli, async (control) => {
      const run = await applyProject(
        cli,
        control,
        { loaded, services, registry, scale, idle, others, recreate },
        options,
      );
      if (!options.start) return;
      if (signals === undefined) return await waitInBackground(cli, control, run, options);
      const shown = new Set(shownServices(loaded, services, names, options).map(({ fullName }) => fullName));
      cli.exitCode = await followInForeground(cli, control, run, { ...options, rule, signals, shown });
    });
  } finally {
    signals?.close();
  }
}

/** Of those that are selected for the sake of others. */
function dependencyNames(services: readonly SelectedService[], named: readonly string[]): ReadonlySet<string> {
  const isNamed = (name: string) => named.length === 0 || named.includes(name);
  return new Set(services.flatMap(({ name }) => (isNamed(name) ? [] : [name])));
}

/** Gives back whether it goes on in the background. */
function refuseContradictions(options: UpOptions): boolean {
  const { detach = false, wait = false, abortOnContainerExit, abortOnContainerFailure, exitCodeFrom } = options;
  const aborts = abortOnContainerExit || abortOnContainerFailure || exitCodeFrom !== undefined;
  const attaches = aborts || options.attach.length > 0 || options.attachDependencies;
  if ((detach || wait || !options.start) && attaches) {
    throw new CliError(
      '--detach, --wait and --no-start cannot be combined with flags about what is shown, or that stop the project',
      {
        hint: 'leave out one of them',
        exitCode: EXIT.refused,
      },
    );
  }
  return detach || wait || !options.start;
}

function abortRule(services: readonly SelectedService[], options: UpOptions): AbortRule {
  const { abortOnContainerExit, abortOnContainerFailure, exitCodeFrom } = options;
  if (exitCodeFrom !== undefined) return { on: 'exit-of', service: serviceNamed(services, exitCodeFrom).name };
  if (abortOnContainerExit) return { on: 'exit' };
  return abortOnContainerFailure ? { on: 'failure' } : { on: 'nothing' };
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
