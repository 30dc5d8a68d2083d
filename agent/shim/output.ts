/** A shim's output to those who are attached: one connection while there is somebody, none otherwise. */
import type { Logger } from 'pino';
import { ShimConnection } from './connection.ts';
import { AttachMode, encodeAttach, type ShimMessage } from './protocol.ts';
import type { OutputSink } from './shims.ts';

interface Attachment {
  readonly sink: OutputSink;
  /** Resolves when the sink has been taken off: nobody waits for it any more. */
  readonly gone: Promise<void>;
  readonly leave: () => void;
}

/** One connection, from when it is wanted until nobody wants it any more. */
interface Session {
  connection: ShimConnection | undefined;
  closed: boolean;
}

export class ShimOutput {
  readonly #stateDir: string;
  readonly #logger: Logger;
  readonly #attachments = new Set<Attachment>();
  #session: Session | undefined;
  #attached: Promise<void> = Promise.resolve();
  #finished: Promise<void> = Promise.resolve();

  constructor(stateDir: string, logger: Logger) {
    this.#stateDir = stateDir;
    this.#logger = logger;
  }

  /** Resolves when the shim sends output to us, if anybody wants it. Never rejects. */
  get attached(): Promise<void> {
    return this.#attached;
  }

  /** Resolves when the sinks have had all output. Never rejects. */
  get finished(): Promise<void> {
    return this.#finished;
  }

  attach(sink: OutputSink): () => void {
    const { promise: gone, resolve: leave } = Promise.withResolvers<void>();
    const attachment = { sink, gone, leave };
    this.#attachments.add(attachment);
    if (this.#session === undefined) this.#start();
    return () => this.#detach(attachment);
  }

  close(): void {
    for (const attachment of this.#attachments) this.#detach(attachment);
  }

  #detach(attachment: Attachment): void {
    attachment.leave();
    this.#attachments.delete(attachment);
    if (this.#attachments.size > 0 || this.#session === undefined) return;
    this.#session.closed = true;
    this.#session.connection?.close();
    this.#session = undefined;
  }

  #start(): void {
    const session: Session = { connection: undefined, closed: false };
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#session = session;
    this.#attached = promise;
    this.#finished = this.#run(session, resolve)
      .catch((error: unknown) => this.#logger.warn({ err: error }, 'lost the output of a container'))
      .finally(() => {
        resolve();
        if (this.#session === session) this.#end();
      });
  }

  async #run(session: Session, attached: () => void): Promise<void> {
    session.connection = await ShimConnection.open(this.#stateDir).catch((error: NodeJS.ErrnoException) => {
      // The container has ended: there is no more output, which isn't a failure.
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return undefined;
      throw error;
    });
    // All sinks have left while we were connecting.
    if (session.closed) session.connection?.close();
    session.connection?.send(encodeAttach(AttachMode.LOSSLESS));
    await session.connection?.run((message) => {
      if (message.kind === 'attached') attached();
      return session.closed ? undefined : this.#take(message);
    });
  }

  #take(message: ShimMessage): void | Promise<void> {
    if (message.kind !== 'stdout' && message.kind !== 'stderr') return undefined;
    const slow: Promise<void>[] = [];
    for (const attachment of this.#attachments) {
      const pending = this.#give(attachment, message.kind, message.data);
      if (pending !== undefined) slow.push(Promise.race([pending, attachment.gone]));
    }
    return slow.length === 0 ? undefined : Promise.all(slow).then(() => undefined);
  }

  /** A sink that fails is taken off: the others, and the container, go on. */
  #give(attachment: Attachment, stream: 'stdout' | 'stderr', data: Uint8Array): Promise<void> | undefined {
    try {
      return attachment.sink[stream](data)?.catch((error: unknown) => this.#drop(attachment, error));
    } catch (error) {
      this.#drop(attachment, error);
      return undefined;
    }
  }

  #drop(attachment: Attachment, error: unknown): void {
    this.#logger.warn({ err: error }, 'a receiver of container output failed');
    this.#detach(attachment);
  }

  #end(): void {
    this.#session = undefined;
    for (const { sink } of this.#attachments) sink.end?.();
    this.#attachments.clear();
  }
}
