import type { Command } from 'commander';
import { NodeRole } from '../../../proto/generated/gantry/v1/types.ts';
import type { Cli } from '../../cli.ts';
import { changeRole } from './change-role.ts';

interface DemoteOptions {
  readonly force?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<node...>', 'ids or host names')
    .option('-f, --force', 'also when the managers that are left have no quorum')
    .action((references: string[], { force }: DemoteOptions) =>
      changeRole(cli, references, NodeRole.WORKER, force ?? false),
    );
}
