/** The log's records in order, first those that there are, page by page, then each as it is written. */
import type { EtcdConnection } from './connection.ts';
import type { Keys } from './keys.ts';
import { decodeLogRecord, type LogRecord } from './record.ts';

/** Records of a page: each has up to 1 MiB. */
const PAGE = 64;

/** The record that should come next isn't there: the snapshot has taken its place. */
export class LogGap extends Error {}

/**
 * Records from index `from` on, without end. Throws LogGap, CORRUPT, and UNAVAILABLE when the stream breaks: then go on
 * from where it was.
 */
export async function* readLog(
  connection: EtcdConnection,
  keys: Keys,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<readonly LogRecord[]> {
  let next = from;
  const take = (found: readonly { readonly key: Buffer; readonly value: Buffer }[]) => {
    const records = found.map(({ key, value }) => decodeLogRecord(keys.indexOf(key), value));
    for (const { index } of records) {
      if (index !== next) throw new LogGap(`record ${next} is missing`);
      next += 1;
    }
    return records;
  };
  let revision: number;
  for (;;) {
    const page = await connection.range({ ...keys.recordsFrom(next), limit: PAGE });
    revision = Number(page.header.revision);
    if (page.kvs.length > 0) yield take(page.kvs);
    if (!page.more) break;
  }
  for await (const { events } of connection.watch(keys.recordsFrom(next), revision + 1, signal)) {
    yield take(events.filter(({ type }) => type === 'Put').map(({ kv }) => kv));
  }
}
