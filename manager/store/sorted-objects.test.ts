import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SortedObjects } from './sorted-objects.ts';

interface Numbered {
  readonly id: string;
  readonly number: number;
}

const id = fc.string({ unit: fc.constantFrom('a', 'b', 'z', '1'), maxLength: 6 });

function filled(ids: Iterable<string>): SortedObjects<Numbered> {
  const sorted = new SortedObjects<Numbered>();
  for (const one of ids) sorted.set({ id: one, number: 0 });
  return sorted;
}

function idsOf(objects: readonly Numbered[]): string[] {
  return objects.map((object) => object.id);
}

const byId = (one: Numbered, other: Numbered) => (one.id < other.id ? -1 : 1);

describe('SortedObjects', () => {
  it('has what was set and not deleted, as it was last, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), id, fc.nat())), (changes) => {
        const [sorted, model] = [new SortedObjects<Numbered>(), new Map<string, Numbered>()];
        for (const [setting, one, number] of changes) {
          if (setting) {
            sorted.set({ id: one, number });
            model.set(one, { id: one, number });
          } else {
            sorted.delete(one);
            model.delete(one);
          }
        }
        expect(sorted.all()).toEqual([...model.values()].sort(byId));
      }),
    );
  });

  it('finds all whose ids begin with a prefix', () => {
    fc.assert(
      fc.property(fc.uniqueArray(id), id, (ids, prefix) => {
        const expected = ids.filter((one) => one.startsWith(prefix)).sort((one, other) => (one < other ? -1 : 1));
        expect(idsOf(filled(ids).startingWith(prefix))).toEqual(expected);
      }),
    );
  });

  it('keeps its order over many runs, whichever end ids come from', () => {
    const ids = Array.from({ length: 5000 }, (_, number) => String(number).padStart(5, '0'));
    const mixed = ids.toSorted((one, other) => Number(one.slice(2)) - Number(other.slice(2)));
    for (const order of [ids, [...ids].reverse(), mixed]) {
      const sorted = filled(order);
      expect(idsOf(sorted.all())).toEqual(ids);
      expect(idsOf(sorted.startingWith('012'))).toEqual(ids.filter((one) => one.startsWith('012')));
      for (const one of ids.slice(100, 4900)) sorted.delete(one);
      expect(idsOf(sorted.all())).toEqual([...ids.slice(0, 100), ...ids.slice(4900)]);
    }
  });
});
