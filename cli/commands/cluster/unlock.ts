import type { Command } from 'commander';
import { LocalManagerClient } from '../../../proto/generated/gantry/v1/manager.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { readSecret } from '../../terminal/secret-input.ts';

export function define(command: Command, cli: Cli): void {
  command.action(async () => {
    await withClient(LocalManagerClient, cli, async (manager) => {
      // Asked first: nobody types a key for nothing.
      const { locked } = await ask(manager, manager.health, {});
      if (!locked) throw new CliError('this manager is not locked');
      const unlockKey = await readSecret(cli, 'Please enter unlock key: ');
      await ask(manager, manager.unlock, { unlockKey });
    });
  });
}
