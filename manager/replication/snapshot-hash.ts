/** SHA-256 of a snapshot, in slices: a large one takes longer than a manager may be held up. */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Takes a millisecond or less. */
const SLICE_BYTES = 512 * 1024;

/** The data must not change meanwhile. */
export async function snapshotHash(data: Uint8Array): Promise<Buffer> {
  const hash = createHash('sha256');
  for (let begin = 0; begin < data.byteLength; begin += SLICE_BYTES) {
    if (begin > 0) await nextTurn();
    hash.update(data.subarray(begin, begin + SLICE_BYTES));
  }
  return hash.digest();
}
