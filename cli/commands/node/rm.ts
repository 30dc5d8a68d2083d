import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';

interface RemoveOptions {
  readonly force?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<node...>', 'ids or host names')
    .option('-f, --force', "although the node isn't down, or is a manager")
    .action(async (references: string[], { force }: RemoveOptions) => {
      await withClient(ControlClient, cli, (control) =>
        forEach(cli, references, async (reference) => {
          await ask(control, control.nodeRemove, { reference, force: force ?? false });
          return reference;
        }),
      );
    });
}
