/** The unlock key where a command may need it: from a file, or asked for. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { readSecret } from '../../terminal/secret-input.ts';

export interface UnlockKeyOption {
  readonly unlockKeyFile?: string;
}

/** Not the key itself: every user of the host sees command lines. */
export function declareUnlockKeyFile(command: Command): Command {
  return command.option('--unlock-key-file <file>', 'holds the unlock key; asked for if left out, where one is needed');
}

export async function unlockKeyOf(cli: Cli, { unlockKeyFile }: UnlockKeyOption): Promise<string> {
  if (unlockKeyFile === undefined) return readSecret(cli, 'Please enter unlock key: ');
  return readFileSync(resolve(cli.cwd, unlockKeyFile), 'utf8').trim();
}
