/** A shim that lives, as the engine sees it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ShimConnection } from './connection.ts';
import { parseExitRecord } from './exit-record.ts';
import { parseReport, shimFailure } from './failure.ts';
import { ShimInput } from './input.ts';
import { ShimOutput } from './output.ts';
import { ClientFrame, encodeFrame, encodeResize, encodeSignal, type ShimMessage } from './protocol.ts';
import type { ExitRecord, OutputSink, Shim } from './shims.ts';

/** How long the news of an end waits for sinks that are slow to take the last output. */
const SLOW_SINK_MS = 2000;

export interface ShimClientOptions {
  readonly containerId: string;
  readonly stateDir: string;
  readonly logger: Logger;
  /** Called when the shim has vanished without a word: clears up and says how the container ended. */
  readonly lost: () => Promise<ExitRecord>;
}

interface Start {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class ShimClient implements Shim {
  readonly pid: number;
  readonly exited: Promise<ExitRecord>;
  readonly #options: ShimClientOptions;
  readonly #control: ShimConnection;
  readonly #input: ShimInput;
  readonly #output: ShimOutput;
  readonly #exited = Promise.withResolvers<ExitRecord>();
  #start: Start | undefined;
  #record: ExitRecord | undefined;
  #closed: boolean = false;

  constructor(control: ShimConnection, options: ShimClientOptions) {
    this.#options = options;
    this.#control = control;
    this.#input = new ShimInput(control);
    this.#output = new ShimOutput(options.stateDir, options.logger);
    this.pid = control.pid;
    this.exited = this.#exited.promise;
    // A failure is the receiver's to see; with nobody waiting yet it must not end the process.
    this.exited.catch(() => undefined);
    this.#serve().catch(this.#exited.reject);
  }

  async start(): Promise<void> {
    // Output must not get lost between the start and an attach that was asked for before.
    await this.#output.attached;
    if (this.#start === undefined) {
      this.#start = Promise.withResolvers<void>();
      this.#control.send(encodeFrame(ClientFrame.START));
      if (this.#record !== undefined || this.#closed) this.#endStart();
    }
    await this.#start?.promise;
  }

  attach(sink: OutputSink): () => void {
    return this.#output.attach(sink);
  }

  get attached(): Promise<void> {
    return this.#output.attached;
  }

  writeStdin(data: Uint8Array): Promise<void> {
    return this.#input.write(data);
  }

  closeStdin(): void {
    this.#input.close();
  }

  resize(rows: number, columns: number): void {
    this.#control.send(encodeResize(rows, columns));
  }

  signal(signal: number): void {
    this.#control.send(encodeSignal(signal));
  }

  close(): void {
    this.#closed = true;
    this.#control.close();
    this.#output.close();
  }

  async #serve(): Promise<void> {
    try {
      await this.#control.run((message) => this.#take(message));
    } finally {
      this.#input.end();
      this.#endStart();
    }
    if (this.#closed) return;
    const record = this.#record ?? (await this.#options.lost());
    await Promise.race([this.#output.finished, delay(SLOW_SINK_MS, undefined, { ref: false })]);
    this.#exited.resolve(record);
  }

  #take(message: ShimMessage): void {
    const { containerId, logger } = this.#options;
    switch (message.kind) {
      case 'started':
        this.#start?.resolve();
        break;
      case 'startFailed':
        // Failed starts may be tried again.
        this.#start?.reject(shimFailure(`cannot start container ${containerId}`, parseReport(message.json)));
        this.#start = undefined;
        break;
      case 'stdinTaken':
        this.#input.taken();
        break;
      case 'exit':
        this.#record = parseExitRecord(message.json, logger);
        break;
      default:
        logger.debug({ kind: message.kind }, 'unexpected message of a shim');
    }
  }

  /** Whoever waits for a start learns that it won't come. Without effect on a start that has come. */
  #endStart(): void {
    this.#start?.reject(shimFailure(`cannot start container ${this.#options.containerId}`, ENDED));
  }
}

const ENDED = { error: 'the container has ended', code: 'WRONG_STATE' };
