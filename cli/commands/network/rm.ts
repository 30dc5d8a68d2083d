import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { forEach } from '../../each.ts';
import { isGantryError } from '../../failure.ts';
import { removeNetwork } from '../../network/networks.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<network...>', 'names or ids')
    .option('-f, --force', 'missing ones are no error')
    .action((references: string[], { force }: { readonly force?: boolean }) =>
      forEach(cli, references, async (reference) => {
        try {
          await removeNetwork(cli, reference);
          return reference;
        } catch (error) {
          if (force === true && isGantryError(error) && error.code === 'NOT_FOUND') return '';
          throw error;
        }
      }),
    );
}
