/** The log driver "fluentd": a chunk of lines at once, in forward mode; acknowledged where that is asked for. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { RandomBytes } from '../../../proto/ids.ts';
import type { FluentdReceiver, FluentdTransport } from '../../../proto/log/fluentd-options.ts';
import { type LogOrigin, type Selection, selectedAttributes } from '../../../proto/log/sent-log.ts';
import { type CriRecord, STDERR } from '../cri-record.ts';
import type { LogSink } from './log-sink.ts';
import { type Packable, pack, readAck } from './msgpack.ts';
import { StreamConnection } from './stream-connection.ts';

/** As Fluentd's own clients wait for it. */
const ACK_MS = 60_000;
const CHUNK_ID_BYTES = 16;

export interface FluentdOrigin {
  readonly tag: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** What is the same in all lines of a container. */
export function fluentdOrigin(origin: LogOrigin, selection: Selection, tag: string): FluentdOrigin {
  const own: [string, string][] = [
    ['container_id', origin.id],
    // Docker's names begin so.
    ['container_name', `/${origin.name}`],
  ];
  return { tag, fields: new Map([...own, ...selectedAttributes(origin, selection)]) };
}

/** [tag, [[time, record], …], option] */
export function fluentdChunk(
  records: readonly CriRecord[],
  { tag, fields }: FluentdOrigin,
  { subSecond, chunk }: { readonly subSecond: boolean; readonly chunk: string | undefined },
): Buffer {
  const entries = records.map(({ seconds, nanoseconds, stream, full, data }): Packable => {
    const record = new Map<string, Packable>([
      ...fields,
      ['source', stream === STDERR ? 'stderr' : 'stdout'],
      ['log', data],
      ...(full ? [] : [['partial_message', 'true'] as const]),
    ]);
    return [subSecond ? { seconds, nanoseconds } : seconds, record];
  });
  const options = new Map<string, Packable>([
    ['size', records.length],
    ...(chunk === undefined ? [] : [['chunk', chunk] as const]),
  ]);
  return pack([tag, entries, options]);
}

export class FluentdSink implements LogSink {
  readonly #receiver: FluentdReceiver;
  readonly #origin: FluentdOrigin;
  readonly #random: RandomBytes;
  readonly #connection: StreamConnection;
  #answer: Buffer = Buffer.alloc(0);
  #onAnswer: (() => void) | undefined;

  constructor(receiver: FluentdReceiver, origin: FluentdOrigin, random: RandomBytes) {
    this.#receiver = receiver;
    this.#origin = origin;
    this.#random = random;
    const { transport, writeTimeoutMs } = receiver;
    this.#connection = new StreamConnection({
      what: `Fluentd at ${describe(transport)}`,
      open: () => open(transport),
      connected: transport.kind === 'tls' ? 'secureConnect' : 'connect',
      onData: (data) => this.#take(data),
      writeTimeoutMs,
    });
  }

  async send(records: readonly CriRecord[], signal: AbortSignal): Promise<void> {
    const { acknowledges, subSecond } = this.#receiver;
    const chunk = acknowledges ? Buffer.from(this.#random(CHUNK_ID_BYTES)).toString('base64') : undefined;
    const message = fluentdChunk(records, this.#origin, { subSecond, chunk });
    if (chunk === undefined) return await this.#connection.write(message, signal);
    this.#answer = Buffer.alloc(0);
    const answered = this.#answered(chunk);
    // The answer may be wrong before anybody waits for it.
    answered.catch(() => undefined);
    await this.#connection.write(message, signal);
    await this.#connection.answered(answered, ACK_MS, signal);
  }

  close(): void {
    this.#connection.close();
  }

  #answered(chunk: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onAnswer = () => {
        try {
          const id = readAck(this.#answer);
          if (id === chunk) resolve();
          else if (id !== undefined) reject(new Error(`it acknowledges another chunk: ${id}`));
        } catch (error) {
          reject(error);
        }
      };
    });
  }

  /** Nobody has asked for what comes before anything is sent, nor for more than an acknowledgement. */
  #take(data: Buffer): void {
    if (this.#answer.length < 1024) this.#answer = Buffer.concat([this.#answer, data]);
    this.#onAnswer?.();
  }
}

function open(transport: FluentdTransport) {
  if (transport.kind === 'unix') return connect(transport.path);
  const { kind, host, port } = transport;
  return kind === 'tls' ? connectTls({ host, port }) : connect({ host, port });
}

function describe(transport: FluentdTransport): string {
  return transport.kind === 'unix' ? transport.path : `${transport.kind}://${transport.host}:${transport.port}`;
}
