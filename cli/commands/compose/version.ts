/** `compose version`: that of gantry, which has compose in it. */
import type { Command } from 'commander';
import { type Cli, print } from '../../cli.ts';
import { clientVersion, clientVersionLine } from '../../client-version.ts';
import { oneOf } from '../../options/words.ts';

interface VersionOptions {
  readonly short?: boolean;
  readonly format: 'pretty' | 'json';
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--short', 'only the number')
    .option(
      '-f, --format <format>',
      'pretty or json (default: pretty)',
      oneOf('--format', { pretty: 'pretty', json: 'json' } as const),
      'pretty',
    )
    .action(async ({ short = false, format }: VersionOptions) => {
      if (short) return await print(cli, `${clientVersion()}\n`);
      await print(cli, format === 'json' ? `${JSON.stringify({ version: clientVersion() })}\n` : clientVersionLine());
    });
}
