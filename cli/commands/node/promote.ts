import type { Command } from 'commander';
import { NodeRole } from '../../../proto/generated/gantry/v1/types.ts';
import type { Cli } from '../../cli.ts';
import { changeRole } from './change-role.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<node...>', 'ids or host names')
    .action((references: string[]) => changeRole(cli, references, NodeRole.MANAGER, false));
}
