/** The log driver "journald": the host's journal, in systemd's native protocol. Source: systemd, "Native Journal Protocol". */
import { type LogOrigin, type Selection, selectedAttributes, shortId } from '../../../proto/log/sent-log.ts';
import { type CriRecord, STDERR } from '../cri-record.ts';
import { UnixDatagramWay } from './datagrams.ts';
import type { LogSink } from './log-sink.ts';
import type { DatagramNative } from './syslog-sink.ts';

export const JOURNAL_SOCKET = '/run/systemd/journal/socket';
const ERROR = 3;
const INFORMATIONAL = 6;

/** What is the same in all lines of a container, under the names that Docker's driver has. */
export function journalFields(origin: LogOrigin, selection: Selection, tag: string): ReadonlyMap<string, string> {
  const attributes = [...selectedAttributes(origin, selection)].map(([name, value]): [string, string] => [
    // A field of the journal: no others are taken.
    name
      .toUpperCase()
      .replace(/[^A-Z0-9_]/g, '_')
      .replace(/^_+/, ''),
    value,
  ]);
  return new Map([
    ...attributes.filter(([name]) => name !== ''),
    ['CONTAINER_ID', shortId(origin)],
    ['CONTAINER_ID_FULL', origin.id],
    ['CONTAINER_NAME', origin.name],
    ['CONTAINER_TAG', tag],
    ['IMAGE_NAME', origin.imageName],
    ['SYSLOG_IDENTIFIER', tag],
  ]);
}

export function journalEntry(record: CriRecord, fields: ReadonlyMap<string, string>): Buffer {
  const { seconds, nanoseconds, stream, full, data } = record;
  const time = `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanoseconds).padStart(9, '0')}Z`;
  const own = new Map<string, string>([
    ...fields,
    ['PRIORITY', String(stream === STDERR ? ERROR : INFORMATIONAL)],
    ['SYSLOG_TIMESTAMP', time],
    ...(full ? [] : [['CONTAINER_PARTIAL_MESSAGE', 'true'] as const]),
  ]);
  return Buffer.concat([...[...own].map(([name, value]) => field(name, Buffer.from(value))), field('MESSAGE', data)]);
}

/** With its length, as what is in it may be anything. */
function field(name: string, value: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.of(0x0a)]);
}

export class JournaldSink implements LogSink {
  readonly #fields: ReadonlyMap<string, string>;
  readonly #way: UnixDatagramWay;

  constructor(fields: ReadonlyMap<string, string>, native: DatagramNative, path: string = JOURNAL_SOCKET) {
    this.#fields = fields;
    this.#way = new UnixDatagramWay(native, path);
  }

  async send(records: readonly CriRecord[], signal: AbortSignal): Promise<void> {
    const lines = records.filter(({ data }) => data.length > 0);
    await this.#way.send(
      lines.map((record) => journalEntry(record, this.#fields)),
      signal,
    );
  }

  close(): void {
    this.#way.close();
  }
}
