/** What a container has written, to where it was written. */
import { responses } from '../../proto/client.ts';
import type { ContainerLogsRequest, EngineClient } from '../../proto/generated/gantry/v1/engine.ts';
import { type Cli, write } from '../cli.ts';
import { rfc3339Nano } from '../format/duration.ts';

const STDERR = 2;

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
