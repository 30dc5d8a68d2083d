/** SHA-256 of a snapshot, on another thread: a large one takes longer than a manager may be held up. */
import { subtle } from 'node:crypto';

/** The data must not change meanwhile. */
export async function snapshotHash(data: Uint8Array): Promise<Buffer> {
  return Buffer.from(await subtle.digest('SHA-256', data));
}
