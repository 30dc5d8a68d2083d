/** The log driver "gelf". */
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { deflate, gzip } from 'node:zlib';
import type { RandomBytes } from '../../../proto/ids.ts';
import type { GelfReceiver, GelfTransport } from '../../../proto/log/gelf-options.ts';
import type { CriRecord } from '../cri-record.ts';
import { UdpWay } from './datagrams.ts';
import { gelfChunks, gelfMessage } from './gelf-message.ts';
import type { LogSink } from './log-sink.ts';
import { StreamConnection } from './stream-connection.ts';

const CHUNK_ID_BYTES = 8;
const NUL = Buffer.of(0);
const gzipped = promisify<Uint8Array, { level: number }, Buffer>(gzip);
const deflated = promisify<Uint8Array, { level: number }, Buffer>(deflate);

/** Lines without text are left out: the format has none. */
function withText(records: readonly CriRecord[]): CriRecord[] {
  return records.filter(({ data }) => data.length > 0);
}

export function makeGelfSink(
  { transport }: GelfReceiver,
  base: Readonly<Record<string, string>>,
  random: RandomBytes,
): LogSink {
  return transport.kind === 'tcp' ? new TcpGelfSink(transport, base) : new UdpGelfSink(transport, base, random);
}

class TcpGelfSink implements LogSink {
  readonly #connection: StreamConnection;
  readonly #base: Readonly<Record<string, string>>;

  constructor({ host, port }: Extract<GelfTransport, { kind: 'tcp' }>, base: Readonly<Record<string, string>>) {
    const what = `GELF at tcp://${host}:${port}`;
    this.#connection = new StreamConnection({ what, open: () => connect({ host, port }), connected: 'connect' });
    this.#base = base;
  }

  async send(records: readonly CriRecord[], signal: AbortSignal): Promise<void> {
    const messages = withText(records).flatMap((record) => [gelfMessage(record, this.#base), NUL]);
    if (messages.length > 0) await this.#connection.write(Buffer.concat(messages), signal);
  }

  close(): void {
    this.#connection.close();
  }
}

class UdpGelfSink implements LogSink {
  readonly #transport: Extract<GelfTransport, { kind: 'udp' }>;
  readonly #base: Readonly<Record<string, string>>;
  readonly #random: RandomBytes;
  readonly #way: UdpWay;

  constructor(
    transport: Extract<GelfTransport, { kind: 'udp' }>,
    base: Readonly<Record<string, string>>,
    random: RandomBytes,
  ) {
    this.#transport = transport;
    this.#base = base;
    this.#random = random;
    this.#way = new UdpWay(`GELF at udp://${transport.host}:${transport.port}`, transport);
  }

  async send(records: readonly CriRecord[], signal: AbortSignal): Promise<void> {
    for (const record of withText(records)) {
      const message = await this.#compressed(gelfMessage(record, this.#base));
      await this.#way.send(gelfChunks(message, this.#random(CHUNK_ID_BYTES)), signal);
    }
  }

  close(): void {
    this.#way.close();
  }

  #compressed(message: Buffer): Promise<Buffer> {
    const { compression, level } = this.#transport;
    if (compression === 'none') return Promise.resolve(message);
    return compression === 'gzip' ? gzipped(message, { level }) : deflated(message, { level });
  }
}
