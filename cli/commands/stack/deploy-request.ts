/** What `stack deploy` and `stack diff` share: the files, what registries say of their images, and the question to the managers. */
import type { Command } from 'commander';
import { ControlClient, ResolveImage, type StackDeployResponse } from '../../../proto/generated/gantry/v1/control.ts';
import { PullPolicy } from '../../../proto/generated/gantry/v1/types.ts';
import { type Cli, complain } from '../../cli.ts';
import { type LoadedStack, loadStack } from '../../compose/load-stack.ts';
import { ask, withClient } from '../../connection.ts';
import { oneOf } from '../../options/words.ts';
import { forecastBuilds } from '../../project/known-builds.ts';
import { withPlaceOfPort } from '../../project/port-conflict.ts';
import { refuseMissingImages } from '../../project/prepare-images.ts';
import { readStackFile } from '../../project/read-stack-file.ts';
import { warnUnknownSources } from '../../project/unknown-sources.ts';
import { askRegistries, type ImageAnswers, warnUnrecorded } from '../../registry/service-images.ts';
import { askPatiently } from '../../rollout/ask-patiently.ts';
import type { Plan } from './plan-text.ts';
import { declareProject, type ProjectOptions } from './project-options.ts';
import { planOf } from './show-plan.ts';

export interface SourceOptions extends ProjectOptions {
  readonly prune?: boolean;
  readonly resolveImage?: ResolveImage;
  readonly withRegistryAuth: boolean;
}

const RESOLVE_IMAGE = {
  always: ResolveImage.ALWAYS,
  changed: ResolveImage.CHANGED,
  never: ResolveImage.NEVER,
} as const;

export function declareSource(command: Command): Command {
  return declareProject(command)
    .argument('<stack>', 'name of the stack')
    .option('--prune', 'remove services that the file no longer has')
    .option(
      '--resolve-image <choice>',
      'when to ask registries which image it is, and for what platforms: always, changed or never (default: always)',
      oneOf('--resolve-image', RESOLVE_IMAGE),
    )
    .option('--with-registry-auth', 'let the nodes pull images with your logins', false);
}

export interface Source {
  readonly loaded: LoadedStack;
  readonly answers: ImageAnswers;
}

export async function readSource(cli: Cli, stackName: string, options: SourceOptions): Promise<Source> {
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
  const { resolveImage = ResolveImage.ALWAYS, withRegistryAuth } = options;
  const answers = await askRegistries(cli, { images: pulledImages(loaded), resolveImage, withRegistryAuth });
  return { loaded, answers };
}

/** What is built is this host's; what is never pulled is of no registry's. */
function pulledImages({ spec, services }: LoadedStack): string[] {
  const built = new Set(services.flatMap(({ image, build }) => (build === undefined ? [] : [image])));
  return spec.services.flatMap(({ task }) => {
    const { image = '', pullPolicy } = task?.container ?? {};
    return image === '' || built.has(image) || pullPolicy === PullPolicy.NEVER ? [] : [image];
  });
}

/** The plan, of images that are built as far as they are known. Rejects for images that are nowhere. */
export async function readPlan(cli: Cli, source: Source, options: Partial<SourceOptions>): Promise<Plan> {
  const { loaded, answers } = source;
  await refuseMissingImages(cli, loaded, answers);
  const { built, toBuild } = await forecastBuilds(cli, loaded);
  const registry = { ...answers.registry, built, toBuild: [...toBuild] };
  return await withClient(ControlClient, cli, async (control) => {
    const asked = { ...source, answers: { ...answers, registry } };
    return planOf(await requestDeploy(cli, control, asked, { ...options, dryRun: true }), loaded, toBuild);
  });
}

/** `dryRun`: only plans. Warns of images that nodes may come to have different ones of. */
export async function requestDeploy(
  cli: Cli,
  control: ControlClient,
  { loaded, answers }: Source,
  { prune = false, resolveImage = ResolveImage.ALWAYS, dryRun }: Partial<SourceOptions> & { readonly dryRun: boolean },
): Promise<StackDeployResponse> {
  const request = { stack: loaded.spec, prune, dryRun, resolveImage, registry: answers.registry };
  try {
    // What is deployed twice is deployed.
    const response = await askPatiently(
      () => ask(control, control.stackDeploy, request),
      ({ message }) => complain(cli, `gantry: warning: ${message}; asking again`),
    );
    await warnUnrecorded(cli, response.unrecordedImages, answers.failures);
    await warnUnknownSources(cli, response.unknownSources);
    return response;
  } catch (error) {
    throw withPlaceOfPort(loaded, error);
  }
}
