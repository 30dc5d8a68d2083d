import { describe, expect, it } from 'vitest';
import { Checkpoints } from './checkpoints.ts';
import { decodeLogEntry, encodeLogEntry } from './log-entry.ts';

function machine(states: string[]) {
  return {
    apply: () => undefined,
    snapshot: () => Promise.resolve(Buffer.from(states.shift() ?? '')),
    restore: () => Promise.resolve(),
  };
}

function previousIn(bytes: Uint8Array) {
  const entry = decodeLogEntry(1, bytes);
  if (entry.kind !== 'checkpoint') throw new Error('no checkpoint');
  return entry.previous;
}

describe('log entries', () => {
  it('are what they were', () => {
    for (const entry of [
      { kind: 'change', data: Buffer.from('x') },
      { kind: 'change', data: Buffer.alloc(0) },
      { kind: 'checkpoint', previous: undefined },
      { kind: 'checkpoint', previous: { index: 2 ** 40, hash: Buffer.alloc(32, 7) } },
    ] as const) {
      expect(decodeLogEntry(1, encodeLogEntry(entry))).toEqual(entry);
    }
  });

  it('of a newer version are refused', () => {
    expect(() => decodeLogEntry(4, Buffer.from([9]))).toThrow(/entry 4 of the log is of kind 9/);
  });
});

describe('Checkpoints', () => {
  it('compare each snapshot with the leader’s at the next checkpoint', async () => {
    const leader = new Checkpoints(machine(['one', 'two']));
    const follower = new Checkpoints(machine(['one', 'two']));
    for (const index of [10, 20]) {
      const previous = previousIn(leader.proposal());
      const [mine, theirs] = await Promise.all([leader.reached(index, previous), follower.reached(index, previous)]);
      expect(theirs).toEqual(mine);
    }
  });

  it('stop a member whose state has diverged', async () => {
    const leader = new Checkpoints(machine(['one', 'two']));
    const follower = new Checkpoints(machine(['other', 'two']));
    await Promise.all([leader.reached(10, undefined), follower.reached(10, undefined)]);
    await expect(follower.reached(20, previousIn(leader.proposal()))).rejects.toMatchObject({
      code: 'CORRUPT',
      message: "this manager's state at entry 10 differs from the leader's",
    });
  });

  it('compare what was restored, and nothing with a snapshot of another entry', async () => {
    const leader = new Checkpoints(machine(['one', 'two', 'three']));
    const { data } = await leader.reached(10, undefined);
    const restored = new Checkpoints(machine(['two']));
    await restored.restored(10, data);
    await restored.reached(20, previousIn(leader.proposal()));
    const other = new Checkpoints(machine(['x', 'y']));
    await other.reached(5, undefined);
    await other.reached(20, previousIn(leader.proposal()));
  });
});
