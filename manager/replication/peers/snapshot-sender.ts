/** Brings a snapshot to a peer, from where an earlier try broke off. */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { responses, send } from '../../../proto/client.ts';
import { GantryError } from '../../../proto/errors.ts';
import type { RaftClient, SnapshotChunk, SnapshotProgress } from '../../../proto/generated/gantry/v1/raft.ts';
import { snapshotHash } from '../snapshot-hash.ts';
import type { SnapshotTransfer } from './transport.ts';
import { snapshotHeader } from './wire.ts';

const CHUNK_BYTES = 256 * 1024;
/** Breaks of the connection that one transfer survives. */
const MAX_TRIES = 5;

type Call = ClientDuplexStream<SnapshotChunk, SnapshotProgress>;

/** Resolves when the peer has and takes all of it. UNAVAILABLE when the connection breaks time and again. */
export async function sendSnapshot(client: RaftClient, transfer: SnapshotTransfer, signal: AbortSignal): Promise<void> {
  const { snapshot, to } = transfer;
  const sha256 = await snapshotHash(snapshot.data);
  const header = { message: snapshotHeader(transfer), size: snapshot.data.byteLength, sha256 };
  let cause: unknown;
  for (let attempt = 0; attempt < MAX_TRIES && !signal.aborted; attempt += 1) {
    try {
      await trySending(client.snapshot(), header, snapshot.data, signal);
      return;
    } catch (error) {
      cause = error;
      if (!(error instanceof GantryError) || !error.temporary) break;
    }
  }
  throw new GantryError('UNAVAILABLE', `the snapshot at entry ${snapshot.index} did not reach manager ${to}`, {
    cause,
  });
}

type Header = Extract<NonNullable<SnapshotChunk['part']>, { $case: 'header' }>['value'];

async function trySending(call: Call, header: Header, data: Uint8Array, signal: AbortSignal): Promise<void> {
  const cancel = () => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  let sending = Promise.resolve();
  try {
    await write(call, { $case: 'header', value: header });
    for await (const { received, complete } of responses(
      call as unknown as ClientDuplexStream<never, SnapshotProgress>,
    )) {
      if (complete) return;
      sending = sendFrom(call, data, received);
    }
    throw new GantryError('UNAVAILABLE', 'the peer ended the transfer');
  } finally {
    signal.removeEventListener('abort', cancel);
    await sending;
  }
}

async function sendFrom(call: Call, data: Uint8Array, start: number): Promise<void> {
  for (let at = start; at < data.byteLength; at += CHUNK_BYTES) {
    if (!(await write(call, { $case: 'data', value: Buffer.from(data.subarray(at, at + CHUNK_BYTES)) }))) return;
  }
  call.end();
}

function write(call: Call, part: SnapshotChunk['part']): Promise<boolean> {
  return send(call as unknown as ClientDuplexStream<SnapshotChunk, never>, { part });
}
