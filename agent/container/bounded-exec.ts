/** A command in a running container whose output is kept, up to a bound, and which ends when nobody wants its result any more. */
import type { ContainerEntry } from './container-entry.ts';
import type { CommandResult } from './containers.ts';
import type { ContainerContext } from './context.ts';
import { type ExecProcess, startExec } from './exec.ts';
import { SIGKILL } from './signals.ts';

/** As Docker keeps of a healthcheck's. */
const MAXIMUM_OUTPUT_BYTES = 4096;

export interface Command {
  readonly argv: readonly string[];
  /** KEY=VALUE, beside the container's own. */
  readonly env: readonly string[];
  /** Empty: the container's own, as in what follows. */
  readonly user: string;
  readonly dir: string;
  readonly privileged: boolean;
}

/** Throws what `startExec` throws. A process that is aborted is killed, and its code says so. */
export async function runCommand(
  context: ContainerContext,
  entry: ContainerEntry,
  command: Command,
  signal: AbortSignal,
): Promise<CommandResult> {
  const process = startExec(context, entry, {
    ...{ reference: entry.id, argv: [...command.argv], env: [...command.env], user: command.user, dir: command.dir },
    ...{ privileged: command.privileged, tty: false, stdin: false, detach: false, size: undefined },
  });
  const kill = () => process.signal(SIGKILL);
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  const output = boundedOutput(process);
  try {
    return { code: await process.exited, output: output().toString() };
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** Both streams as they come, the first bytes of them; the rest is read and dropped, so that the process can go on. */
function boundedOutput(process: ExecProcess): () => Buffer {
  let kept = Buffer.alloc(0);
  const keep = (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk.subarray(0, MAXIMUM_OUTPUT_BYTES - kept.length)]);
  };
  process.stdout.on('data', keep);
  process.stderr.on('data', keep);
  return () => kept;
}
