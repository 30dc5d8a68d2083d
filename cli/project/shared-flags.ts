/** Flags of `docker compose` that stand before any verb, and what there is instead of them. */
import type { Command } from 'commander';
import { refuse } from '../command-line.ts';

export function declareShared(command: Command): Command {
  refuse(command, '--all-resources', 'a network or volume is made with the first service that uses it');
  refuse(command, '--compatibility', "leave it out: the files are read as today's specification says");
  refuse(command, '--dry-run', "'gantry stack deploy --dry-run -c FILE NAME' says what would change");
  return refuse(command, '--parallel <number>', 'leave it out: as much is done at a time as can be');
}
