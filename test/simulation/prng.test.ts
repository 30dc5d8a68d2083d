import { describe, expect, it } from 'vitest';
import { Random } from './prng.ts';

function numbers(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.next());
}

describe('Random', () => {
  it('gives the same numbers for the same seed and stream, and others for another', () => {
    const first = numbers(new Random(7, 1), 100);
    expect(numbers(new Random(7, 1), 100)).toEqual(first);
    expect(numbers(new Random(8, 1), 100)).not.toEqual(first);
    expect(numbers(new Random(7, 2), 100)).not.toEqual(first);
    expect(numbers(new Random(7 + 2 ** 32, 1), 100)).not.toEqual(first);
  });

  it('is uniform', () => {
    const random = new Random(1);
    const counts = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 100_000; draw += 1) {
      const at = random.below(10);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  it('has both ends of a range, and nothing outside', () => {
    const random = new Random(2);
    const drawn = new Set(Array.from({ length: 1000 }, () => random.between(3, 5)));
    expect([...drawn].sort()).toEqual([3, 4, 5]);
  });

  it('picks nothing from nothing', () => {
    expect(new Random(3).pick([])).toBeUndefined();
  });
});
