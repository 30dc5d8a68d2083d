/** Flags of Docker's `service create` and `update` that can't be honoured, with what to do instead. */
import type { Command } from 'commander';
import { refuse } from '../command-line.ts';

const LEAVE_OUT = 'leave it out';

const BOTH: readonly (readonly [string, string])[] = [
  ['--credential-spec <spec>', 'it is for Windows containers; leave it out'],
  ['--isolation <technology>', 'it is for Windows containers; leave it out'],
  ['--memory-swap <size>', 'use --limit-memory'],
  ['--memory-swappiness <number>', LEAVE_OUT],
];

export function refuseOfServiceCreate(command: Command): void {
  for (const [flags, hint] of BOTH) refuse(command, flags, hint);
}

export function refuseOfServiceUpdate(command: Command): void {
  for (const [flags, hint] of BOTH) refuse(command, flags, hint);
}
