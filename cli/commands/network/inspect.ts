import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { inspectObjects } from '../../inspect/inspect-objects.ts';

interface InspectOptions {
  readonly format?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<network...>', 'names or ids')
    .option('-f, --format <template>', "'json' or a Go template")
    .action((references: string[], { format }: InspectOptions) =>
      inspectObjects(cli, references, ['network'], { format }),
    );
  refuse(command, '-v, --verbose', "'gantry service ps' lists the tasks on other nodes");
}
