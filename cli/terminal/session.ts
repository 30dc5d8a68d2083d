/**
 * A container or exec process in the foreground: bytes between it and the CLI's own streams, signals, the terminal's
 * size, detaching, and its exit code.
 */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { responses, send } from '../../proto/client.ts';
import type {
  ContainerStreamRequest,
  ContainerStreamResponse,
  TerminalSize,
} from '../../proto/generated/gantry/v1/engine.ts';
import { type Cli, write } from '../cli.ts';
import { CliError } from '../failure.ts';
import { DetachKeys } from './detach-keys.ts';
import { enterRawMode } from './raw-mode.ts';
import { forwardSignals } from './signals.ts';

export type StreamCall = ClientDuplexStream<ContainerStreamRequest, ContainerStreamResponse>;
type StreamMessage = NonNullable<ContainerStreamRequest['message']>;

export type OutputName = 'stdout' | 'stderr';

export interface SessionOptions {
  /** The process has a terminal: the user's own becomes raw, and its size follows. */
  readonly tty: boolean;
  readonly stdin: boolean;
  /** What of its output is shown; unset: all. */
  readonly outputs?: ReadonlySet<OutputName>;
  /** Keys that detach from a terminal; unset: Ctrl-P Ctrl-Q. */
  readonly detachKeys?: readonly number[];
  /** "own": signals are for the CLI itself, which ends by them and leaves the process alone. Unset: passed on. */
  readonly signals?: 'passed-on' | 'own';
  /** Called with the container's id as soon as it is known. */
  readonly onStarted?: (id: string) => Promise<void>;
}

/** `exitCode` is undefined when the user detached, or when the call was one that doesn't wait. */
export interface SessionEnd {
  readonly exitCode: number | undefined;
}

/** Size of the user's terminal; undefined when there is none. */
export function terminalSize(cli: Cli): TerminalSize | undefined {
  return cli.stdout.isTTY ? { rows: cli.stdout.rows, columns: cli.stdout.columns } : undefined;
}

/** Docker's check: a terminal for the process needs one for its input. */
export function requireTerminal(cli: Cli, options: SessionOptions): void {
  if (options.tty && options.stdin && !cli.stdin.isTTY) {
    throw new CliError('the input device is not a TTY', { hint: 'leave out -t' });
  }
}

/** Sends `first`, then carries the streams until the process ends or the user detaches. */
export async function runSession(
  call: StreamCall,
  first: StreamMessage,
  cli: Cli,
  options: SessionOptions,
): Promise<SessionEnd> {
  using session = new Session(call, cli, options);
  session.post(first);
  return await session.run();
}

class Session {
  readonly #call: StreamCall;
  readonly #cli: Cli;
  readonly #options: SessionOptions;
  readonly #cleanups: (() => void)[] = [];
  #leaving: 'detached' | 'forced' | undefined;

  constructor(call: StreamCall, cli: Cli, options: SessionOptions) {
    this.#call = call;
    this.#cli = cli;
    this.#options = options;
  }

  /** Sends a message without waiting: small ones only. */
  post(message: StreamMessage): void {
    void send(this.#requests, { message });
  }

  async run(): Promise<SessionEnd> {
    this.#watchSignals();
    this.#watchTerminal();
    if (this.#options.stdin) this.#readInput();
    try {
      return { exitCode: await this.#copyOutput() };
    } catch (error) {
      if (this.#leaving === 'detached') return { exitCode: undefined };
      if (this.#leaving === 'forced') throw new CliError('got 3 SIGTERM/SIGINTs, forcefully exiting');
      throw error;
    }
  }

  /** Gives the terminal and the signals back, whatever happened. */
  [Symbol.dispose](): void {
    for (const cleanup of this.#cleanups.toReversed()) cleanup();
    this.#call.end();
  }

  get #requests(): ClientDuplexStream<ContainerStreamRequest, never> {
    return this.#call as ClientDuplexStream<ContainerStreamRequest, never>;
  }

  async #copyOutput(): Promise<number | undefined> {
    let exitCode: number | undefined;
    const messages = this.#call as unknown as ClientDuplexStream<never, ContainerStreamResponse>;
    for await (const { message } of responses(messages)) {
      if (message?.$case === 'stdout' || message?.$case === 'stderr') await this.#show(message.$case, message.value);
      else if (message?.$case === 'started') await this.#options.onStarted?.(message.value);
      // The last message: the call ends by itself, which is quicker than to cancel it.
      else if (message?.$case === 'exitCode') exitCode = message.value;
    }
    return exitCode;
  }

  async #show(name: OutputName, data: Uint8Array): Promise<void> {
    const { outputs } = this.#options;
    if (outputs === undefined || outputs.has(name)) await write(this.#cli[name], data);
  }

  #leave(how: 'detached' | 'forced'): void {
    this.#leaving = how;
    this.#call.cancel();
  }

  #watchSignals(): void {
    if (this.#options.signals === 'own') return;
    const stop = forwardSignals(
      process,
      (signal) => this.post({ $case: 'signal', value: signal }),
      () => this.#leave('forced'),
    );
    this.#cleanups.push(stop);
  }

  #watchTerminal(): void {
    const { stdin, stdout } = this.#cli;
    if (!this.#options.tty) return;
    if (this.#options.stdin && stdin.isTTY) {
      this.#cleanups.push(enterRawMode(stdin));
    }
    if (!stdout.isTTY) return;
    const resize = () => {
      const size = terminalSize(this.#cli);
      if (size !== undefined) this.post({ $case: 'resize', value: size });
    };
    stdout.on('resize', resize);
    this.#cleanups.push(() => stdout.off('resize', resize));
  }

  #readInput(): void {
    const { stdin } = this.#cli;
    // Closing also ends a read that waits for a key.
    this.#cleanups.push(() => stdin.destroy());
    this.#copyInput().catch((error: unknown) => {
      // The user's own input can't be read: without the process hearing of its end it would wait for ever.
      this.#call.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  }

  async #copyInput(): Promise<void> {
    const keys = this.#options.tty ? new DetachKeys(this.#options.detachKeys) : undefined;
    for await (const chunk of this.#cli.stdin) {
      const typed = keys?.feed(chunk) ?? { forward: chunk, detached: false };
      if (typed.forward.length > 0) {
        const open = await send(this.#requests, { message: { $case: 'stdin', value: typed.forward } });
        if (!open) return;
      }
      if (typed.detached) return this.#leave('detached');
    }
    await send(this.#requests, { message: { $case: 'stdinEnd', value: true } });
  }
}
