/** Which proposals go into etcd together. Pure. */
import { MAX_RECORD_BYTES } from './record.ts';

/** etcd takes 128 operations in a transaction; one of them is the log's new end. */
const MAX_RECORDS = 127;

/** How many of the queue's first go into one transaction; the first always goes, if need be into several, alone. */
export function batchLength(queue: readonly { readonly data: Uint8Array }[]): number {
  let bytes = 0;
  const end = queue.findIndex(({ data }, position) => {
    bytes += data.byteLength;
    return position > 0 && (position >= MAX_RECORDS || bytes > MAX_RECORD_BYTES);
  });
  return end < 0 ? queue.length : end;
}
