import type { Command } from 'commander';
import { responses } from '../../../proto/client.ts';
import { ControlClient, type ServiceLogLine } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, write } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { rfc3339Nano } from '../../format/duration.ts';
import { declareLogOptions, type LogOptions, logWindow } from '../../options/log-options.ts';
import { linePrefix, PrefixWidth } from './log-prefix.ts';

interface ServiceLogOptions extends LogOptions {
  readonly raw?: boolean;
  readonly resolve: boolean;
  readonly taskIds: boolean;
  readonly trunc: boolean;
}

const STDERR = 2;

export function define(command: Command, cli: Cli): void {
  declareLogOptions(command.argument('<service>', 'name or id of a service, or id of a task'))
    .option('--raw', 'only what was written, without the task before each line')
    .option('--no-resolve', 'show ids instead of names')
    .option('--no-task-ids', 'without the ids of the tasks')
    .option('--no-trunc', "don't cut anything off")
    .action(async (reference: string, options: ServiceLogOptions) => {
      const request = { reference, ...logWindow(options, cli.nowMs()) };
      await withClient(ControlClient, cli, async (control) => {
        const width = new PrefixWidth();
        for await (const line of responses(control.serviceLogs(request))) await printLogLine(cli, line, options, width);
      });
    });
  refuse(command, '--details', 'log lines carry no further attributes');
}

async function printLogLine(
  cli: Cli,
  line: ServiceLogLine,
  options: ServiceLogOptions,
  width: PrefixWidth,
): Promise<void> {
  const stream = line.stream === STDERR ? cli.stderr : cli.stdout;
  const time = options.timestamps ? `${rfc3339Nano(line.timestampNs)} ` : '';
  if (options.raw) {
    await write(stream, time);
    return await write(stream, line.data);
  }
  await write(stream, `${time}${width.pad(linePrefix(line, options))} | `);
  await write(stream, line.data);
}
