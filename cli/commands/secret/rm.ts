import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<secret...>', 'names or ids').action(async (references: string[]) => {
    await withClient(ControlClient, cli, (control) =>
      forEach(cli, references, async (reference) => {
        await ask(control, control.secretRemove, { references: [reference] });
        return reference;
      }),
    );
  });
}
