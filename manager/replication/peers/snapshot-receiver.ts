/** Puts together the snapshots that the leader sends. What has come of one is kept when the connection breaks. */
import { GantryError } from '../../../proto/errors.ts';
import type { SnapshotChunk, SnapshotHeader, SnapshotProgress } from '../../../proto/generated/gantry/v1/raft.ts';
import { snapshotHash } from '../snapshot-hash.ts';
import type { SnapshotTransfer } from './transport.ts';
import { fromSnapshotHeader } from './wire.ts';

/** More than any state that a manager can hold. */
const MAX_BYTES = 1024 * 1024 * 1024;

interface Partial {
  readonly key: string;
  readonly data: Buffer;
  received: number;
}

export class SnapshotReceiver {
  /** Of one snapshot at a time: a newer one makes it useless. */
  #partial: Partial | undefined;

  /**
   * Answers at once with what is here already, and at last when all of it is. `install` takes it over; it resolves once
   * it is on disk or no longer wanted.
   */
  async *receive(
    chunks: AsyncIterable<SnapshotChunk>,
    install: (transfer: SnapshotTransfer) => Promise<void>,
  ): AsyncGenerator<SnapshotProgress> {
    const iterator = chunks[Symbol.asyncIterator]();
    const first = await iterator.next();
    const part = first.done === true ? undefined : first.value.part;
    if (part?.$case !== 'header') throw malformed('it does not begin with a header');
    const partial = this.#begin(part.value);
    yield { received: partial.received, complete: false };
    await fill(partial, iterator);
    // Whole or no good: in either case the next transfer begins anew.
    this.#partial = undefined;
    const data = await complete(partial, part.value);
    await install(fromSnapshotHeader(part.value, data));
    yield { received: partial.received, complete: true };
  }

  #begin({ sha256, size }: SnapshotHeader): Partial {
    if (size > MAX_BYTES) throw malformed(`it has ${size} bytes`);
    const key = `${Buffer.from(sha256).toString('hex')} ${size}`;
    if (this.#partial?.key !== key) this.#partial = { key, data: Buffer.alloc(size), received: 0 };
    return this.#partial;
  }
}

async function fill(partial: Partial, chunks: AsyncIterator<SnapshotChunk>): Promise<void> {
  while (partial.received < partial.data.byteLength) {
    const { done, value } = await chunks.next();
    if (done === true) throw new GantryError('UNAVAILABLE', 'the snapshot broke off');
    if (value.part?.$case !== 'data') throw malformed('a header came in the middle');
    const piece = value.part.value;
    if (partial.received + piece.byteLength > partial.data.byteLength) throw malformed('it is longer than announced');
    partial.data.set(piece, partial.received);
    partial.received += piece.byteLength;
  }
}

async function complete({ data }: Partial, { sha256 }: SnapshotHeader): Promise<Buffer> {
  if (!(await snapshotHash(data)).equals(sha256)) throw malformed('its checksum is wrong');
  return data;
}

function malformed(how: string): GantryError {
  return new GantryError('CORRUPT', `the snapshot that a manager sent is no good: ${how}`);
}
