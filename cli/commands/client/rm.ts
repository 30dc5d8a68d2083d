import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<client...>', 'names, or serial numbers').action(async (references: string[]) => {
    await withClient(ControlClient, cli, (control) =>
      forEach(cli, references, async (reference) => {
        await ask(control, control.clientRemove, { references: [reference] });
        return reference;
      }),
    );
  });
}
