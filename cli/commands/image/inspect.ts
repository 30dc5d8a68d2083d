import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { inspectObjects } from '../../inspect/inspect-objects.ts';

interface InspectOptions {
  readonly format?: string;
  readonly platform: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<image...>', 'names or ids')
    .option('-f, --format <template>', "'json' or a Go template")
    .option('--platform <platform>', "OS/ARCH of an image for several (default: the host's)", '')
    .action((references: string[], { format, platform }: InspectOptions) =>
      inspectObjects(cli, references, ['image'], { format, platform }),
    );
}
