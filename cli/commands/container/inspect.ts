import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { inspectObjects } from '../../inspect/inspect-objects.ts';

interface InspectOptions {
  readonly format?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<container...>', 'names or ids')
    .option('-f, --format <template>', "'json' or a Go template")
    .action((references: string[], { format }: InspectOptions) =>
      inspectObjects(cli, references, ['container'], { format }),
    );
  refuse(command, '-s, --size', 'look at the data root with du');
}
