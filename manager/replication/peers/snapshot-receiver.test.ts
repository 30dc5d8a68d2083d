import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { SnapshotChunk, SnapshotProgress } from '../../../proto/generated/gantry/v1/raft.ts';
import { SnapshotReceiver } from './snapshot-receiver.ts';
import type { SnapshotTransfer } from './transport.ts';
import { snapshotHeader } from './wire.ts';

const data = Buffer.from('the whole state of a cluster');
const configuration = { voters: ['a'], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
const transfer: SnapshotTransfer = {
  from: 'a',
  to: 'b',
  term: 1,
  snapshot: { index: 3, term: 1, configuration, data },
  members: [],
};
const header = (state = data): SnapshotChunk => ({
  part: {
    $case: 'header',
    value: {
      message: snapshotHeader(transfer),
      size: state.byteLength,
      sha256: createHash('sha256').update(state).digest(),
    },
  },
});
const piece = (from: number, to?: number): SnapshotChunk => ({
  part: { $case: 'data', value: data.subarray(from, to) },
});

async function* chunks(...all: SnapshotChunk[]): AsyncGenerator<SnapshotChunk> {
  yield* all;
}

async function receive(receiver: SnapshotReceiver, ...all: SnapshotChunk[]) {
  const installed: SnapshotTransfer[] = [];
  const progress: SnapshotProgress[] = [];
  let error: unknown;
  try {
    for await (const each of receiver.receive(chunks(...all), async (received) => void installed.push(received)))
      progress.push(each);
  } catch (thrown) {
    error = thrown;
  }
  return { installed, progress, error };
}

describe('SnapshotReceiver', () => {
  it('puts the pieces together', async () => {
    const { installed, progress } = await receive(new SnapshotReceiver(), header(), piece(0, 5), piece(5));
    expect(installed).toEqual([transfer]);
    expect(progress).toEqual([
      { received: 0, complete: false },
      { received: data.byteLength, complete: true },
    ]);
  });

  it('keeps what has come when the connection breaks, of this snapshot', async () => {
    const receiver = new SnapshotReceiver();
    expect((await receive(receiver, header(), piece(0, 5))).error).toMatchObject({ code: 'UNAVAILABLE' });
    const { installed, progress } = await receive(receiver, header(), piece(5));
    expect(progress[0]).toEqual({ received: 5, complete: false });
    expect(installed).toEqual([transfer]);
  });

  it('begins anew for another one', async () => {
    const receiver = new SnapshotReceiver();
    await receive(receiver, header(Buffer.from('another state')), piece(0, 5));
    const { progress } = await receive(receiver, header(), piece(0));
    expect(progress[0]).toEqual({ received: 0, complete: false });
  });

  it('refuses what is not what was announced, and then takes it whole', async () => {
    const receiver = new SnapshotReceiver();
    const wrong = { part: { $case: 'data' as const, value: Buffer.from(data).fill('x') } };
    expect((await receive(receiver, header(), wrong)).error).toMatchObject({ code: 'CORRUPT' });
    expect((await receive(receiver, header(), piece(0), piece(0, 1))).installed).toEqual([transfer]);
    expect((await receive(receiver, piece(0))).error).toMatchObject({ code: 'CORRUPT' });
    expect((await receive(receiver, header(), piece(0, 5), header())).error).toMatchObject({ code: 'CORRUPT' });
  });
});
