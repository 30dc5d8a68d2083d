import type { Command } from 'commander';
import { type Cli, printLine } from '../../cli.ts';
import { contextName } from '../../context/daemon.ts';

export function define(command: Command, cli: Cli): void {
  command.action(() => printLine(cli, contextName(cli)));
}
