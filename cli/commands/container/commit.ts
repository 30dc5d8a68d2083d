import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, printLine } from '../../cli.ts';
import { collect, declareSwitch } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';

interface CommitOptions {
  readonly author: string;
  readonly message: string;
  readonly change: string[];
  readonly pause: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<container>', 'name or id')
    .argument('[name]', 'name of the image: NAME[:TAG]', '')
    .option('-a, --author <text>', 'author of the image', '')
    .option('-m, --message <text>', 'message of the commit', '')
    .option('-c, --change <instruction>', 'Dockerfile instruction for the image: CMD ["/bin/sh"]', collect, [])
    .action(async (reference: string, name: string, options: CommitOptions) => {
      const { author, message, change: changes, pause } = options;
      const request = { reference, name, author, message, changes, pause };
      const { imageId } = await withClient(EngineClient, cli, (engine) => ask(engine, engine.containerCommit, request));
      await printLine(cli, imageId);
    });
  declareSwitch(command, '-p, --pause', 'freeze the container meanwhile, which is what is done anyway');
  command.setOptionValue('pause', true);
}
