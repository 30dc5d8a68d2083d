/** `compose build`: builds the images of services. */
import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain } from '../../cli.ts';
import { collect, refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { parsePairs } from '../../options/pairs.ts';
import { buildServices } from '../../project/build-services.ts';
import { declareProject, loadProject, type ProjectOptions } from '../../project/project-options.ts';
import { fileServices, select } from '../../project/selection.ts';
import { pushImage } from '../../registry/push-image.ts';

interface BuildOptions extends ProjectOptions {
  readonly buildArg: readonly string[];
  readonly cache: boolean;
  readonly pull?: boolean;
  readonly push?: boolean;
  readonly quiet?: boolean;
  readonly withDependencies?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)'))
    .option('--build-arg <name=value>', 'argument of the build', collect, [])
    .option('--no-cache', 'run all steps again')
    .option('--pull', 'ask registries for base images that are here, too')
    .option('--push', 'push the images')
    .option('-q, --quiet', 'print only errors')
    .option('--with-dependencies', 'also what the services depend on')
    .action((names: string[], options: BuildOptions) => build(cli, names, options));
  refuse(command, '-m, --memory <bytes>', 'leave it out');
  refuse(command, '--ssh <agent>', "say it in the file's build section");
  refuse(command, '--builder <builder>', 'gantryd builds');
}

async function build(cli: Cli, names: readonly string[], options: BuildOptions): Promise<void> {
  const loaded = await loadProject(cli, options, names);
  const services = select(fileServices(loaded), names, options.withDependencies ? 'with-dependencies' : 'alone');
  const built = services.filter((service) => service.build !== undefined);
  if (built.length === 0) return await complain(cli, 'No services to build');
  const quiet = options.quiet ?? false;
  await buildServices(cli, loaded, quiet ? 'quiet' : options.progress, {
    services: built,
    noCache: !options.cache,
    pull: options.pull ?? false,
    platforms: 'all',
    args: parsePairs('--build-arg', options.buildArg, (key) => cli.env[key]),
  });
  if (!options.push) return;
  await withClient(EngineClient, cli, async (engine) => {
    for (const image of new Set(built.map((service) => service.image))) {
      await pushImage(engine, cli, { reference: image, allTags: false, quiet, stream: cli.stdout });
    }
  });
}
