import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { copyLogs } from '../../container/copy-logs.ts';
import { declareLogOptions, type LogOptions, logWindow } from '../../options/log-options.ts';

export function define(command: Command, cli: Cli): void {
  declareLogOptions(command.argument('<container>', 'name or id')).action(
    async (reference: string, options: LogOptions) => {
      const request = { reference, ...logWindow(options, cli.nowMs()) };
      await withClient(EngineClient, cli, (engine) => copyLogs(engine, cli, request, options.timestamps));
    },
  );
  refuse(command, '--details', 'log lines carry no further attributes');
}
