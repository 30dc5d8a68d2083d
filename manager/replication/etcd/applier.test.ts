import { describe, expect, it } from 'vitest';
import type { GantryError } from '../../../proto/errors.ts';
import { encodeLogEntry } from '../log-entry.ts';
import { RecordingState } from '../recording-state.testing.ts';
import { DEFAULT_SNAPSHOT_LIMITS, SnapshotPolicy } from '../snapshot-policy.ts';
import { Applier } from './applier.ts';
import { type LogRecord, toRecords } from './record.ts';
import { DEFAULT_TAIL_LIMITS, Tail } from './tail.ts';

const entry = (index: number, term: number, text: string): LogRecord[] =>
  toRecords(index, term, encodeLogEntry({ kind: 'change', data: Buffer.from(text) }));

function applier() {
  const state = new RecordingState();
  const failures: GantryError[] = [];
  const made = new Applier({
    stateMachine: state,
    policy: new SnapshotPolicy(DEFAULT_SNAPSHOT_LIMITS, 0),
    tail: new Tail(DEFAULT_TAIL_LIMITS),
    monotonicMs: () => 0,
    onCheckpoint: () => undefined,
    onFailure: (error) => failures.push(error),
  });
  return { made, state, failures };
}

describe('Applier', () => {
  it('passes over what it has applied', async () => {
    const { made, state, failures } = applier();
    await made.apply([...entry(1, 1, 'one'), ...entry(2, 1, 'two')]);
    await made.apply([...entry(1, 1, 'one'), ...entry(2, 1, 'two'), ...entry(3, 2, 'three')]);
    expect(state.texts).toEqual(['one', 'two', 'three']);
    expect(failures).toEqual([]);
  });

  it.each([
    ['of another term', entry(2, 2, 'two')],
    ['of the same term', entry(2, 1, 'other')],
  ])('goes no further when there is another entry %s in the place of its last one', async (_name, other) => {
    const { made, state, failures } = applier();
    await made.apply([...entry(1, 1, 'one'), ...entry(2, 1, 'two')]);
    await expect(made.apply(other)).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining('entry 2'),
      hint: expect.stringContaining('start again'),
    });
    expect(failures).toHaveLength(1);
    await expect(made.apply(entry(3, 2, 'three'))).rejects.toMatchObject({ code: 'CORRUPT' });
    expect(state.texts).toEqual(['one', 'two']);
  });
});
