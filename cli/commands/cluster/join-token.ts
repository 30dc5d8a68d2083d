import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, printLine } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { parseRole } from '../../options/node-options.ts';
import { askJoinToken, joinInstructions } from './join-command.ts';

interface JoinTokenOptions {
  readonly quiet?: boolean;
  readonly rotate?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<role>', 'worker or manager')
    .option('-q, --quiet', 'print only the token')
    .option('--rotate', 'make a new token: the old one lets nobody in any more')
    .action(async (word: string, { quiet, rotate }: JoinTokenOptions) => {
      const role = parseRole('the role', word);
      const token = await withClient(ControlClient, cli, (control) => askJoinToken(control, role, rotate ?? false));
      if (quiet) return await printLine(cli, token.token);
      if (rotate) await printLine(cli, `Successfully rotated ${word} join token.\n`);
      await printLine(cli, joinInstructions(word, token));
    });
}
