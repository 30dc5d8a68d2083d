/** `compose push`: sends the images that the files build to their registries. */
import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { failureText, isGantryError } from '../../failure.ts';
import { declareProject, loadProject, type ProjectOptions } from '../../project/project-options.ts';
import { fileServices, select } from '../../project/selection.ts';
import { pushImage } from '../../registry/push-image.ts';

interface PushOptions extends ProjectOptions {
  readonly ignorePushFailures?: boolean;
  readonly includeDeps?: boolean;
  readonly quiet?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)'))
    .option('--ignore-push-failures', 'go on where a registry does not take an image')
    .option('--include-deps', 'also what the services depend on')
    .option('-q, --quiet', 'print only the names')
    .action((names: string[], options: PushOptions) => push(cli, names, options));
}

async function push(cli: Cli, names: readonly string[], options: PushOptions): Promise<void> {
  const all = fileServices(await loadProject(cli, options, names));
  const services = select(all, names, options.includeDeps ? 'with-dependencies' : 'alone');
  const images = new Set(services.flatMap(({ image, build }) => (build === undefined ? [] : [image])));
  const quiet = options.quiet ?? false;
  await withClient(EngineClient, cli, async (engine) => {
    for (const reference of images) {
      try {
        await pushImage(engine, cli, { reference, allTags: false, quiet, stream: cli.stdout });
      } catch (error) {
        if (!isGantryError(error) || !options.ignorePushFailures) throw error;
        await complain(cli, `gantry: warning: ${reference}: ${failureText(error)}`);
      }
    }
  });
}
