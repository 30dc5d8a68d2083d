import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print, printLine } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { unlockInstructions } from './unlock-instructions.ts';

interface UnlockKeyOptions {
  readonly quiet?: boolean;
  readonly rotate?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-q, --quiet', 'print only the key')
    .option('--rotate', 'make a new key; managers that are down still want the old one when they start')
    .action(async ({ quiet, rotate }: UnlockKeyOptions) => {
      const { unlockKey } = await withClient(ControlClient, cli, (control) =>
        ask(control, control.clusterUnlockKey, { rotate: rotate ?? false }),
      );
      if (unlockKey === '') {
        throw new CliError('no unlock key is set', { hint: '"gantry cluster update --autolock" makes one' });
      }
      if (quiet) return printLine(cli, unlockKey);
      if (rotate) await printLine(cli, 'Successfully rotated manager unlock key.\n');
      await print(cli, unlockInstructions(unlockKey));
    });
}
