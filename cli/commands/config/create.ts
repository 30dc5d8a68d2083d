import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, printLine } from '../../cli.ts';
import { collect } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { type ContentOptions, contentSpec, parseTemplateDriver } from '../../options/content.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<name>', 'name of the config')
    .argument('<file>', "file with the content, or '-' for standard input")
    .option('-l, --label <key=value>', 'label of the config', collect, [])
    .option('--template-driver <driver>', "'golang': the content is a template", parseTemplateDriver, '')
    .action(async (name: string, file: string, options: ContentOptions) => {
      const spec = await contentSpec(cli, name, file, options);
      const { id } = await withClient(ControlClient, cli, (control) => ask(control, control.configCreate, { spec }));
      await printLine(cli, id);
    });
}
