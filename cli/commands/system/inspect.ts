import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { invalidFlag, refuse } from '../../command-line.ts';
import { type InspectKind, inspectObjects, KINDS } from '../../inspect/inspect-objects.ts';

interface InspectOptions {
  readonly format?: string;
  readonly type?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<object...>', 'names or ids')
    .option('-f, --format <template>', "'json' or a Go template")
    .option('--type <type>', `only objects of this type: ${KINDS.join(', ')}`)
    .action((references: string[], { format, type }: InspectOptions) =>
      inspectObjects(cli, references, type === undefined || type === '' ? KINDS : [kindOf(type)], { format }),
    );
  refuse(command, '-s, --size', 'look at the data root with du');
}

function kindOf(type: string): InspectKind {
  const kind = KINDS.find((known) => known === type);
  if (kind === undefined) throw invalidFlag('--type', type, `types are ${KINDS.join(', ')}`);
  return kind;
}
