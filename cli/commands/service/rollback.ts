import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import type { WaitOptions } from './change-service.ts';
import { rollBack } from './roll-back.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<service>', 'name or id')
    .option('-d, --detach', "don't wait until it is so")
    .option('-q, --quiet', 'print only its name, and errors')
    .action((reference: string, options: WaitOptions) => rollBack(cli, reference, options));
}
