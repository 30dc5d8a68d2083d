import type { Command } from 'commander';
import {
  ControlClient,
  type RegistryFacts,
  ResolveImage,
  type StackDeployResponse,
} from '../../../proto/generated/gantry/v1/control.ts';
import { PullPolicy } from '../../../proto/generated/gantry/v1/types.ts';
import { type Cli, complain, printLine } from '../../cli.ts';
import { loadStack } from '../../compose/load-stack.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError, isGantryError } from '../../failure.ts';
import { duration } from '../../options/limits.ts';
import { oneOf } from '../../options/words.ts';
import { askRegistries, warnUnrecorded } from '../../registry/service-images.ts';
import { DEFAULT_TIMEOUT_MS, waitForRollout } from '../../rollout/wait.ts';
import { changedServices, changeLines } from './changes.ts';
import { locatePortConflict } from './port-conflict.ts';
import { prepareImages } from './prepare-images.ts';
import { declareProject, type ProjectOptions } from './project-options.ts';
import { readStackFile } from './read-stack-file.ts';

interface DeployOptions extends ProjectOptions {
  readonly detach?: boolean;
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly quiet?: boolean;
  readonly resolveImage?: ResolveImage;
  readonly timeout: number;
  readonly withRegistryAuth: boolean;
}

const RESOLVE_IMAGE = {
  always: ResolveImage.ALWAYS,
  changed: ResolveImage.CHANGED,
  never: ResolveImage.NEVER,
} as const;

type Loaded = ReturnType<typeof loadStack>;

export function define(command: Command, cli: Cli): void {
  declareProject(command)
    .argument('<stack>', 'name of the stack')
    .option('--prune', 'remove services that the file no longer has')
    .option('-d, --detach', "don't wait until everything runs")
    .option('--timeout <duration>', 'longest time to wait (default: 5m)', duration('--timeout'), DEFAULT_TIMEOUT_MS)
    .option('-q, --quiet', 'print only errors')
    .option(
      '--resolve-image <choice>',
      'when to ask registries which image it is, and for what platforms: always, changed or never (default: always)',
      oneOf('--resolve-image', RESOLVE_IMAGE),
    )
    .option('--with-registry-auth', 'let the nodes pull images with your logins', false)
    .option('--dry-run', 'show what would change, and change nothing')
    .action((stackName: string, options: DeployOptions) => deploy(cli, stackName, options));
}

async function deploy(cli: Cli, stackName: string, options: DeployOptions): Promise<void> {
  const loaded = loadStack({
    files: options.composeFile,
    stackName,
    projectDirectory: options.projectDirectory,
    envFiles: options.envFile,
    profiles: options.profile,
    workingDirectory: cli.cwd,
    env: cli.env,
    readBytes: readStackFile,
  });
  for (const warning of loaded.warnings) await complain(cli, `gantry: warning: ${warning}`);
  const quiet = options.quiet ?? false;
  const { resolveImage = ResolveImage.ALWAYS, withRegistryAuth } = options;
  const answers = await askRegistries(cli, { images: pulledImages(loaded), resolveImage, withRegistryAuth });
  if (!options.dryRun) await prepareImages(cli, loaded, answers, quiet);
  await withClient(ControlClient, cli, async (control) => {
    const { changes, unrecordedImages } = await requestDeploy(control, loaded, answers.registry, options);
    await warnUnrecorded(cli, unrecordedImages, answers.failures);
    if (!quiet) for (const line of changeLines(changes)) await printLine(cli, line);
    if (options.detach || options.dryRun) return;
    await waitForRollout(cli, control, {
      stack: stackName,
      changedServices: changedServices(changes),
      timeoutMs: options.timeout,
      quiet,
    });
  });
}

/** What is built is this host's; what is never pulled is of no registry's. */
function pulledImages({ spec, services }: Loaded): string[] {
  const built = new Set(services.flatMap(({ image, build }) => (build === undefined ? [] : [image])));
  return spec.services.flatMap(({ task }) => {
    const { image = '', pullPolicy } = task?.container ?? {};
    return image === '' || built.has(image) || pullPolicy === PullPolicy.NEVER ? [] : [image];
  });
}

async function requestDeploy(
  control: ControlClient,
  loaded: Loaded,
  registry: RegistryFacts,
  options: DeployOptions,
): Promise<StackDeployResponse> {
  const { prune = false, dryRun = false, resolveImage = ResolveImage.ALWAYS } = options;
  const request = { stack: loaded.spec, prune, dryRun, resolveImage, registry };
  try {
    return await ask(control, control.stackDeploy, request);
  } catch (error) {
    const place = isGantryError(error) && error.code === 'PORT_IN_USE' ? locatePortConflict(loaded, error.message) : '';
    if (place === '' || !isGantryError(error)) throw error;
    throw new CliError(`${place}${error.message}`, { hint: error.hint });
  }
}
