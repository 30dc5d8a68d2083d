/** A line as a message of GELF 1.1 (Graylog Extended Log Format), with the fields that Docker's driver has. Pure, but for ids. */
import { type LogOrigin, type Selection, selectedAttributes } from '../../../proto/log/sent-log.ts';
import { type CriRecord, recordMs, STDERR } from '../cri-record.ts';

const ERROR = 3;
const INFORMATIONAL = 6;

/** What is the same in all messages of a container. */
export function gelfBase(origin: LogOrigin, selection: Selection, tag: string): Readonly<Record<string, string>> {
  const attributes = [...selectedAttributes(origin, selection)].map(([name, value]): [string, string] => [
    name.startsWith('_') ? name : `_${name}`,
    value,
  ]);
  return {
    version: '1.1',
    host: origin.hostname,
    _container_id: origin.id,
    _container_name: origin.name,
    _image_id: origin.imageId,
    _image_name: origin.imageName,
    _command: origin.command,
    _tag: tag,
    _created: new Date(origin.createdAtMs).toISOString(),
    ...Object.fromEntries(attributes),
  };
}

export function gelfMessage(record: CriRecord, base: Readonly<Record<string, string>>): Buffer {
  return Buffer.from(
    JSON.stringify({
      ...base,
      short_message: record.data.toString(),
      timestamp: Math.round(recordMs(record)) / 1000,
      level: record.stream === STDERR ? ERROR : INFORMATIONAL,
    }),
  );
}

/** Of a datagram, so that it needn't be divided on its way. */
const CHUNK = 1420;
const CHUNK_HEADER = 12;
const MOST_CHUNKS = 128;

/** In as many datagrams as it takes; none for one that takes too many. `id`: 8 bytes of the message's own. */
export function gelfChunks(message: Buffer, id: Uint8Array): Buffer[] {
  if (message.length <= CHUNK) return [message];
  const room = CHUNK - CHUNK_HEADER;
  const count = Math.ceil(message.length / room);
  if (count > MOST_CHUNKS) return [];
  return Array.from({ length: count }, (_, index) =>
    Buffer.concat([
      Buffer.of(0x1e, 0x0f),
      id,
      Buffer.of(index, count),
      message.subarray(index * room, (index + 1) * room),
    ]),
  );
}
