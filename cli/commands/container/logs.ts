import type { Command } from 'commander';
import { responses } from '../../../proto/client.ts';
import { type ContainerLogsRequest, EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, write } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { rfc3339Nano } from '../../format/duration.ts';
import { declareLogOptions, type LogOptions, logWindow } from '../../options/log-options.ts';

const STDERR = 2;

export function define(command: Command, cli: Cli): void {
  declareLogOptions(command.argument('<container>', 'name or id')).action(
    async (reference: string, options: LogOptions) => {
      const request = { reference, ...logWindow(options, cli.nowMs()) };
      await withClient(EngineClient, cli, (engine) => copyLogs(engine, cli, request, options.timestamps));
    },
  );
  refuse(command, '--details', 'log lines carry no further attributes');
}

/** Each stream of the container to the CLI's own. */
export async function copyLogs(
  engine: EngineClient,
  cli: Cli,
  request: ContainerLogsRequest,
  timestamps = false,
): Promise<void> {
  for await (const line of responses(engine.containerLogs(request))) {
    const stream = line.stream === STDERR ? cli.stderr : cli.stdout;
    if (timestamps) await write(stream, `${rfc3339Nano(line.timestampNs)} `);
    await write(stream, line.data);
  }
}
