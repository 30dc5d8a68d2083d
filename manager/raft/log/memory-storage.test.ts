import { describe, expect, it } from 'vitest';
import { type Entry, NO_CONFIGURATION } from '../message.ts';
import { MemoryStorage } from './memory-storage.ts';

function entries(from: number, ...terms: number[]): Entry[] {
  return terms.map((term, position) => ({ kind: 'normal', term, index: from + position, data: new Uint8Array() }));
}

describe('a log in memory', () => {
  it('replaces what is there from the first new entry on', () => {
    const storage = new MemoryStorage();
    storage.append(entries(1, 1, 1, 1));
    storage.append(entries(2, 2));
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(2)]).toEqual([1, 2, 2]);
  });

  it('leaves out what is compacted, and refuses a gap', () => {
    const storage = new MemoryStorage();
    storage.append(entries(1, 1, 1, 1));
    storage.compact(2);
    storage.append(entries(1, 1, 1, 1, 1));
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([3, 4]);
    expect(() => storage.append(entries(6, 1))).toThrow('missing');
  });

  it('keeps the term of what was compacted last', () => {
    const storage = new MemoryStorage();
    storage.append(entries(1, 1, 2, 3));
    storage.compact(2);
    expect([storage.term(1), storage.term(2), storage.term(3)]).toEqual([undefined, 2, 3]);
  });

  it('begins anew with a snapshot from elsewhere', () => {
    const storage = new MemoryStorage();
    storage.append(entries(1, 1, 1));
    const configuration = { ...NO_CONFIGURATION, voters: ['a'] };
    storage.applySnapshot({ index: 7, term: 3, configuration, data: new Uint8Array() });
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(7)]).toEqual([8, 7, 3]);
    expect(storage.initialState().configuration).toEqual(configuration);
  });
});
