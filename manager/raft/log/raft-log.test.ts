import { describe, expect, it } from 'vitest';
import { type Entry, NO_CONFIGURATION } from '../message.ts';
import { MemoryStorage } from './memory-storage.ts';
import { RaftLog } from './raft-log.ts';

const UNLIMITED = Number.POSITIVE_INFINITY;

function entries(from: number, ...terms: number[]): Entry[] {
  return terms.map((term, position) => ({ kind: 'normal', term, index: from + position, data: Buffer.from('data') }));
}

function logOf(terms: number[], committed = 0, maxBytesApplying = UNLIMITED): RaftLog {
  const storage = new MemoryStorage();
  storage.append(entries(1, ...terms));
  return new RaftLog(storage, committed, 0, maxBytesApplying);
}

function indexes(list: readonly Entry[] | undefined): number[] | undefined {
  return list?.map(({ index }) => index);
}

describe('entries from a leader', () => {
  it.each([
    [0, 0, [1, 1], 2],
    [3, 2, [3], 4],
    [2, 1, [3, 3], 4],
    [3, 2, [], 3],
    [3, 1, [2], undefined],
    [4, 2, [2], undefined],
  ])('after %i of term %i, of terms %j: %s', (index, term, terms, expected) => {
    expect(logOf([1, 1, 2]).appendAfter(index, term, entries(index + 1, ...terms))).toBe(expected);
  });

  it('replace only what conflicts with them', () => {
    const log = logOf([1, 1, 2, 2]);
    log.appendAfter(0, 0, entries(1, 1, 1));
    expect(log.lastIndex()).toBe(4);
    log.appendAfter(1, 1, entries(2, 1, 3));
    expect(log.lastIndex()).toBe(3);
    expect(log.term(3)).toBe(3);
    expect(indexes(log.entriesToWrite())).toEqual([3]);
  });

  it('never replace what is committed', () => {
    expect(() => logOf([1, 1, 2], 3).appendAfter(1, 1, entries(2, 3))).toThrow('replace a committed entry');
  });
});

describe('entries that the state machine may have', () => {
  it('are handed out once, as many as fit', () => {
    const log = logOf([1, 1, 1, 1], 3, 28);
    const first = log.nextCommitted(true);
    expect(indexes(first)).toEqual([1, 2]);
    log.handOut(first, true);
    expect(log.hasNextCommitted(true)).toBe(false);
    log.appliedTo(2, first);
    expect(indexes(log.nextCommitted(true))).toEqual([3]);
  });

  it('are at least one, however large', () => {
    expect(indexes(logOf([1, 1], 2, 1).nextCommitted(true))).toEqual([1]);
  });

  it('include what is not on disk only where that is wanted', () => {
    const log = logOf([1]);
    log.append(entries(2, 1, 1));
    log.commitTo(3);
    expect(indexes(log.nextCommitted(true))).toEqual([1, 2, 3]);
    expect(indexes(log.nextCommitted(false))).toEqual([1]);
  });

  it('are none while a snapshot waits', () => {
    const log = logOf([1, 1], 1);
    log.restore({ index: 9, term: 2, configuration: NO_CONFIGURATION, data: new Uint8Array() });
    expect(log.nextCommitted(true)).toEqual([]);
    expect(log).toMatchObject({ committed: 9 });
    expect([log.firstIndex(), log.lastIndex(), log.term(9)]).toEqual([10, 9, 2]);
  });
});

describe('entries to send', () => {
  it('come from disk and from memory, as many as fit, at least one', () => {
    const log = logOf([1, 1]);
    log.append(entries(3, 1, 1));
    expect(indexes(log.entriesFrom(1, UNLIMITED))).toEqual([1, 2, 3, 4]);
    expect(indexes(log.entriesFrom(2, 36))).toEqual([2, 3, 4]);
    expect(indexes(log.entriesFrom(2, 35))).toEqual([2, 3]);
    expect(indexes(log.entriesFrom(1, 24))).toEqual([1, 2]);
    expect(indexes(log.entriesFrom(3, 1))).toEqual([3]);
    expect(indexes(log.entriesFrom(5, 100))).toEqual([]);
  });

  it('are none where they are compacted', () => {
    const storage = new MemoryStorage();
    storage.append(entries(1, 1, 1, 2));
    storage.compact(2);
    const log = new RaftLog(storage, 2, 2, UNLIMITED);
    expect(log.entriesFrom(2, UNLIMITED)).toBeUndefined();
    expect(indexes(log.entriesFrom(3, UNLIMITED))).toEqual([3]);
    expect([log.term(1), log.term(2), log.term(4)]).toEqual([undefined, 1, undefined]);
  });
});

describe('where two logs may agree', () => {
  it.each([
    [5, 2, { index: 3, term: 2 }],
    [5, 9, { index: 5, term: 5 }],
    [5, 4, { index: 3, term: 2 }],
    [2, 1, { index: 2, term: 1 }],
    [9, 3, { index: 9, term: 0 }],
    [5, 0, { index: 0, term: 0 }],
  ])('up to %i with at most term %i', (index, term, expected) => {
    expect(logOf([1, 1, 2, 5, 5]).findAtMostTerm(index, term)).toEqual(expected);
  });
});

describe('a log that is read from disk', () => {
  it('takes what was applied for committed', () => {
    const storage = new MemoryStorage();
    const snapshot = { index: 4, term: 2, configuration: NO_CONFIGURATION, data: new Uint8Array() };
    storage.load(snapshot, { index: 2, term: 1 }, entries(3, 1, 2, 2));
    const log = new RaftLog(storage, 3, 4, UNLIMITED);
    expect(log).toMatchObject({ committed: 4, applied: 4 });
    expect([log.firstIndex(), log.lastIndex(), log.term(2)]).toEqual([3, 5, 1]);
  });

  it('must have what is committed', () => {
    expect(() => logOf([1], 2)).toThrow("beyond the log's end");
  });
});
