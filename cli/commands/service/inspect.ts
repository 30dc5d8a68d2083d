import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { inspectService, prettyService } from '../../format/inspect/service-inspect.ts';
import { renderInspect } from '../../format/listing.ts';

interface InspectOptions {
  readonly format?: string;
  readonly pretty?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<service...>', 'names or ids')
    .option('-f, --format <template>', "'json' or a Go template")
    .option('--pretty', 'as text for people')
    .action(async (references: string[], { format, pretty }: InspectOptions) => {
      if (pretty && format !== undefined) throw new CliError('--format is incompatible with --pretty');
      const { services } = await withClient(ControlClient, cli, (control) =>
        ask(control, control.serviceList, { stack: '', references }),
      );
      const found = services.flatMap(({ service }) => (service === undefined ? [] : [service]));
      await print(cli, pretty ? found.map(prettyService).join('\n') : renderInspect(found.map(inspectService), format));
    });
}
