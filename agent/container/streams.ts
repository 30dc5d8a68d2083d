/** run, attach and exec as streams: the protocol of ContainerStreamRequest and ContainerStreamResponse. */
import { GantryError } from '../../proto/errors.ts';
import type {
  AttachStart,
  ContainerStreamRequest,
  ContainerStreamResponse,
  ExecStart,
  RunStart,
  TerminalSize,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { OutputSink, Shim } from '../shim/shims.ts';
import { specOf } from './assemble.ts';
import type { ContainerEntry, Run } from './container-entry.ts';
import type { ContainerContext } from './context.ts';
import { createContainer } from './create.ts';
import { type ExecProcess, startDetached, startExec } from './exec.ts';
import type { Lifecycle } from './lifecycle.ts';
import { ResponseQueue } from './response-queue.ts';
import { pumpInput, type StreamTarget } from './stream-input.ts';

type Requests = AsyncIterator<ContainerStreamRequest>;
type Responses = AsyncGenerator<ContainerStreamResponse, void, undefined>;

export class ContainerStreams {
  readonly #context: ContainerContext;
  readonly #lifecycle: Lifecycle;

  constructor(context: ContainerContext, lifecycle: Lifecycle) {
    this.#context = context;
    this.#lifecycle = lifecycle;
  }

  /** The first request decides. When the client goes, the container or process goes on. */
  async *open(requests: AsyncIterable<ContainerStreamRequest>, signal: AbortSignal): Responses {
    const iterator = requests[Symbol.asyncIterator]();
    const first = await iterator.next();
    const message = first.done === true ? undefined : first.value.message;
    switch (message?.$case) {
      case 'run':
        return yield* this.#run(message.value, iterator, signal);
      case 'attach':
        return yield* this.#attach(message.value, iterator, signal);
      case 'exec':
        return yield* this.#exec(message.value, iterator, signal);
      default:
        throw new GantryError('INVALID_ARGUMENT', 'a stream begins with run, attach or exec');
    }
  }

  async *#run({ config, stdin, size, files }: RunStart, requests: Requests, signal: AbortSignal): Responses {
    if (config === undefined) throw new GantryError('INVALID_ARGUMENT', 'run must be sent a config');
    const entry = await createContainer(this.#context, {
      config,
      task: files === undefined ? undefined : { taskId: '', files: files.files },
      stdinOnce: stdin,
      startsNext: true,
    });
    const output = new ShimOutput();
    let started = false;
    let detach = () => {};
    try {
      yield { message: { $case: 'started', value: entry.id } };
      const run = await this.#lifecycle.start(entry, (shim) => {
        detach = shim.attach(output);
        resizeShim(shim, size);
      });
      started = true;
      yield* connect(entry, run, output, requests, { stdin, signal });
    } finally {
      detach();
      // Refused, or its client is gone before it began: nobody would start it any more.
      if (!started && entry.record.config.autoRemove) {
        await this.#lifecycle.remove(entry, { force: true, volumes: true });
      }
    }
  }

  async *#attach({ reference, stdin }: AttachStart, requests: Requests, signal: AbortSignal): Responses {
    const entry = this.#context.index.get(reference);
    const { run } = entry;
    if (run === undefined) {
      throw new GantryError('WRONG_STATE', `container ${entry.record.name} is not running`, {
        hint: 'gantry start -a starts and attaches',
      });
    }
    const output = new ShimOutput();
    const detach = run.shim.attach(output);
    try {
      // Its answer to the first input must not be missed.
      await run.shim.attached;
      yield { message: { $case: 'started', value: entry.id } };
      yield* connect(entry, run, output, requests, { stdin, signal });
    } finally {
      detach();
    }
  }

  async *#exec(exec: ExecStart, requests: Requests, signal: AbortSignal): Responses {
    const entry = this.#context.index.get(exec.reference);
    if (exec.detach && !exec.tty) {
      await startDetached(this.#context, entry, exec);
      yield { message: { $case: 'started', value: entry.id } };
      return;
    }
    const process = startExec(this.#context, entry, exec);
    const queue = new ResponseQueue();
    void pumpOutput(process, queue);
    yield { message: { $case: 'started', value: entry.id } };
    // A terminal needs somebody at its other end, who isn't the client: its output is read and dropped.
    if (exec.detach) return queue.end();
    endWhenAborted(queue, signal);
    void feed(requests, execTarget(process), exec.stdin, queue);
    yield* queue;
  }
}

interface ConnectOptions {
  readonly stdin: boolean;
  readonly signal: AbortSignal;
}

/** Passes input and output on until all output has come and the container's exit has been dealt with. */
async function* connect(
  entry: ContainerEntry,
  run: Run,
  output: ShimOutput,
  requests: Requests,
  { stdin, signal }: ConnectOptions,
): Responses {
  const { queue } = output;
  endWhenAborted(queue, signal);
  const target = shimTarget(run.shim, entry.record.stdinOnce, specOf(entry).tty);
  if (entry.record.stdinOnce && !specOf(entry).tty) closeWhenAborted(run.shim, signal);
  void feed(requests, target, stdin && specOf(entry).openStdin, queue);
  void Promise.all([run.ended.promise, output.ended.promise]).then(([{ code }]) => {
    void queue.push({ $case: 'exitCode', value: code });
    queue.end();
  });
  yield* queue;
}

/** The client's requests; what is wrong with them ends the stream, their end doesn't. */
async function feed(requests: Requests, target: StreamTarget, stdin: boolean, queue: ResponseQueue): Promise<void> {
  try {
    await pumpInput(requests, target, stdin);
  } catch (error) {
    queue.fail(error);
  }
}

function endWhenAborted(queue: ResponseQueue, signal: AbortSignal): void {
  if (signal.aborted) queue.end();
  signal.addEventListener('abort', () => queue.end(), { once: true });
}

/** A pipe's writer that is gone has written its last; a terminal's may only have detached. */
function closeWhenAborted(shim: Shim, signal: AbortSignal): void {
  signal.addEventListener('abort', () => shim.closeStdin(), { once: true });
}

/** A container's output on its way to a client, no faster than that one takes it. */
class ShimOutput implements OutputSink {
  readonly queue = new ResponseQueue();
  /** Resolves when there won't be any more. */
  readonly ended = Promise.withResolvers<void>();

  stdout(data: Uint8Array): Promise<void> {
    return this.queue.push({ $case: 'stdout', value: Buffer.from(data.buffer, data.byteOffset, data.byteLength) });
  }

  stderr(data: Uint8Array): Promise<void> {
    return this.queue.push({ $case: 'stderr', value: Buffer.from(data.buffer, data.byteOffset, data.byteLength) });
  }

  end(): void {
    this.ended.resolve();
  }
}

/** Unless it was started for one client, a container's input stays open for the next. */
function shimTarget(shim: Shim, stdinOnce: boolean, tty: boolean): StreamTarget {
  return {
    writeStdin: (data) => shim.writeStdin(data),
    closeStdin: () => {
      if (stdinOnce) shim.closeStdin();
    },
    resize: (rows, columns) => shim.resize(rows, columns),
    signal: (signal) => shim.signal(signal),
    atClientsEnd: tty ? 'keep' : 'close',
  };
}

function execTarget(process: ExecProcess): StreamTarget {
  const { stdin } = process;
  return {
    writeStdin: (data) =>
      new Promise((resolve) => {
        if (stdin === null || !stdin.writable || stdin.write(data)) resolve();
        else stdin.once('drain', resolve).once('close', resolve);
      }),
    closeStdin: () => stdin?.end(),
    resize: process.resize,
    signal: process.signal,
    atClientsEnd: 'close',
  };
}

function resizeShim(shim: Shim, size: TerminalSize | undefined): void {
  if (size !== undefined) shim.resize(size.rows, size.columns);
}

/** A process of exec can wait: what its client doesn't read is left in the pipe. */
async function pumpOutput(process: ExecProcess, queue: ResponseQueue): Promise<void> {
  try {
    const copies = [copy(process.stdout, 'stdout', queue), copy(process.stderr, 'stderr', queue)];
    const code = await process.exited;
    await Promise.all(copies);
    await queue.push({ $case: 'exitCode', value: code });
    queue.end();
  } catch (error) {
    queue.fail(error);
  }
}

async function copy(from: AsyncIterable<Buffer>, $case: 'stdout' | 'stderr', queue: ResponseQueue): Promise<void> {
  for await (const value of from) await queue.push({ $case, value });
}
