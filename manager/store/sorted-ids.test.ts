import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SortedIds } from './sorted-ids.ts';

const id = fc.string({ unit: fc.constantFrom('a', 'b', 'z', '1'), maxLength: 6 });

function filled(ids: Iterable<string>): SortedIds {
  const sorted = new SortedIds();
  for (const one of ids) sorted.add(one);
  return sorted;
}

describe('SortedIds', () => {
  it('has what was added and not deleted, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), id)), (changes) => {
        const [sorted, model] = [new SortedIds(), new Set<string>()];
        for (const [adding, one] of changes) {
          if (!adding) sorted.delete(one);
          else if (!model.has(one)) sorted.add(one);
          if (adding) model.add(one);
          else model.delete(one);
        }
        expect(sorted.all()).toEqual([...model].sort());
      }),
    );
  });

  it('finds all that begin with a prefix', () => {
    fc.assert(
      fc.property(fc.uniqueArray(id), id, (ids, prefix) => {
        const expected = ids.filter((one) => one.startsWith(prefix)).sort();
        expect(filled(ids).startingWith(prefix)).toEqual(expected);
      }),
    );
  });

  it('keeps its order over many runs, whichever end ids come from', () => {
    const ids = Array.from({ length: 5000 }, (_, number) => String(number).padStart(5, '0'));
    const mixed = ids.toSorted((one, other) => Number(one.slice(2)) - Number(other.slice(2)));
    for (const order of [ids, [...ids].reverse(), mixed]) {
      const sorted = filled(order);
      expect(sorted.all()).toEqual(ids);
      expect(sorted.startingWith('012')).toEqual(ids.filter((one) => one.startsWith('012')));
      for (const one of ids.slice(100, 4900)) sorted.delete(one);
      expect(sorted.all()).toEqual([...ids.slice(0, 100), ...ids.slice(4900)]);
    }
  });
});
