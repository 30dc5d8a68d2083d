/** `compose pull`: brings the images of services to the host that is asked. */
import type { Command } from 'commander';
import { EngineClient, PullOrder } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { failureText, isGantryError } from '../../failure.ts';
import { oneOf } from '../../options/words.ts';
import { declareProject, loadProject, type ProjectOptions } from '../../project/project-options.ts';
import { fileServices, type SelectedService, select } from '../../project/selection.ts';
import { imageExists } from '../../registry/image-exists.ts';
import { pullImage } from '../../registry/pull-image.ts';

interface PullOptions extends ProjectOptions {
  readonly ignoreBuildable?: boolean;
  readonly ignorePullFailures?: boolean;
  readonly includeDeps?: boolean;
  readonly policy: 'always' | 'missing';
  readonly quiet?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)'))
    .option('--ignore-buildable', 'leave out images that can be built')
    .option('--ignore-pull-failures', 'go on where an image is not to be had')
    .option('--include-deps', 'also what the services depend on')
    .option(
      '--policy <policy>',
      'always or missing (default: always)',
      oneOf('--policy', { always: 'always', missing: 'missing' } as const),
      'always',
    )
    .option('-q, --quiet', "don't show how far it is")
    .action((names: string[], options: PullOptions) => pull(cli, names, options));
}

async function pull(cli: Cli, names: readonly string[], options: PullOptions): Promise<void> {
  const all = fileServices(await loadProject(cli, options, names));
  const services = select(all, names, options.includeDeps ? 'with-dependencies' : 'alone');
  const wanted = services.filter(({ build }) => build === undefined || !options.ignoreBuildable);
  const byImage = new Map(wanted.map((service) => [service.image, service]));
  await withClient(EngineClient, cli, async (engine) => {
    for (const service of byImage.values()) {
      if (options.policy === 'missing' && (await imageExists(engine, service.image))) continue;
      await pullOne(engine, cli, service, options);
    }
  });
}

async function pullOne(engine: EngineClient, cli: Cli, service: SelectedService, options: PullOptions): Promise<void> {
  const { ignorePullFailures = false, quiet = false } = options;
  const order = PullOrder.REGISTRY_FIRST;
  const request = { reference: service.image, platform: '', allTags: false, quiet, order, stream: cli.stderr };
  try {
    await pullImage(engine, cli, request);
  } catch (error) {
    // What can be built needn't be in a registry, as with docker compose.
    if (!isGantryError(error) || !(ignorePullFailures || service.build !== undefined)) throw error;
    await complain(cli, `gantry: warning: service ${service.name}: ${failureText(error)}`);
  }
}
