import { describe, expect, it } from 'vitest';
import { Keys } from './keys.ts';

const keys = new Keys('some/prefix');

describe('Keys', () => {
  it('sort records as their indexes', () => {
    const indexes = [1, 9, 10, 99, 100, 2 ** 40, Number.MAX_SAFE_INTEGER];
    const sorted = indexes.map((index) => keys.record(index)).sort(Buffer.compare);
    expect(sorted.map((key) => keys.indexOf(key))).toEqual(indexes);
  });

  it('name ranges that hold what they should and nothing else', () => {
    const isIn = ({ key, range_end }: { key: Buffer; range_end: Buffer }, one: Buffer) =>
      Buffer.compare(key, one) <= 0 && Buffer.compare(one, range_end) < 0;
    expect([9, 10, 11].map((index) => isIn(keys.recordsFrom(10), keys.record(index)))).toEqual([false, true, true]);
    expect([9, 10, 11].map((index) => isIn(keys.recordsBefore(10), keys.record(index)))).toEqual([true, false, false]);
    expect(isIn(keys.snapshots, keys.chunk(7, 3, 0))).toBe(true);
    expect([6, 7].map((index) => isIn(keys.chunks(7, 3), keys.chunk(index, 3, 1)))).toEqual([false, true]);
    expect(isIn(keys.chunks(7, 3), keys.chunk(7, 33, 1))).toBe(false);
    for (const key of [keys.leader, keys.member('a'), keys.alive('a')]) expect(isIn(keys.cluster, key)).toBe(true);
    for (const range of [keys.cluster, keys.snapshots, keys.recordsFrom(0)]) {
      for (const key of [keys.format, keys.end, keys.snapshot]) expect(isIn(range, key)).toBe(false);
    }
  });

  it('say what a key of the cluster is about', () => {
    expect(keys.clusterKey(keys.leader)).toEqual({ kind: 'leader' });
    expect(keys.clusterKey(keys.member('a/b'))).toEqual({ kind: 'members', id: 'a/b' });
    expect(keys.clusterKey(keys.alive('a'))).toEqual({ kind: 'alive', id: 'a' });
    expect(keys.clusterKey(Buffer.from('some/prefix/cluster/later'))).toBeUndefined();
    expect(keys.clusterKey(Buffer.from('some/prefix/cluster/members/'))).toBeUndefined();
  });
});
