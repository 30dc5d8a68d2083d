import { describe, expect, it } from 'vitest';
import { configurationOf, type Entry } from '../../manager/raft/message.ts';
import { Disk, type Transaction } from './disk.ts';
import { Random } from './prng.ts';

const NOTHING = new Uint8Array();

function entry(index: number, term = 1): Entry {
  return { kind: 'normal', index, term, data: NOTHING };
}

/** Some entries and the hard state that goes with them. */
function written(...entries: Entry[]): Transaction {
  const hardState = { term: 1, vote: '1', commit: (entries[0]?.index ?? 1) - 1 };
  return { hardState, installed: undefined, entries, taken: undefined };
}

describe('a disk after a crash', () => {
  it('has all that was synced', () => {
    for (let seed = 0; seed < 100; seed += 1) {
      const disk = new Disk();
      disk.write(written(entry(1)));
      disk.write(written(entry(2), entry(3)));
      disk.syncedTo(disk.written);
      disk.crash(new Random(seed));
      expect(disk.load().lastIndex()).toBe(3);
    }
  });

  it('has a beginning of what was not synced, each record as a whole or not at all', () => {
    const ends = new Set<number>();
    for (let seed = 0; seed < 200; seed += 1) {
      const disk = new Disk();
      disk.write(written(entry(1)));
      disk.syncedTo(disk.written);
      disk.write(written(entry(2), entry(3)));
      disk.write(written(entry(4), entry(5)));
      disk.crash(new Random(seed));
      const storage = disk.load();
      const end = storage.lastIndex();
      ends.add(end);
      // Of the record that has the last entry.
      expect(storage.initialState().hardState.commit).toBe(Math.max(end - 2, 0));
    }
    expect([...ends].sort()).toEqual([1, 3, 5]);
  });

  it('begins with its snapshot, and has the entries that were kept before it', () => {
    const disk = new Disk();
    disk.write(written(entry(1), entry(2), entry(3), entry(4)));
    const snapshot = { index: 3, term: 1, configuration: configurationOf(['1']), data: NOTHING };
    disk.write({ hardState: undefined, installed: undefined, entries: [], taken: { snapshot, compactTo: 1 } });
    disk.syncedTo(disk.written);
    const storage = disk.load();
    expect([storage.firstIndex(), storage.lastIndex(), storage.snapshot()]).toEqual([2, 4, snapshot]);
    expect(disk.has(1, 1)).toBe(true);
    expect([disk.has(4, 1), disk.has(4, 2), disk.has(5, 1)]).toEqual([true, false, false]);
  });
});
