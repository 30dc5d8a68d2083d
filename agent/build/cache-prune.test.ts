import { describe, expect, it } from 'vitest';
import type { BuildCacheUsage } from '../../proto/generated/gantry/v1/engine.ts';
import { planCachePrune } from './cache-prune.ts';

const entry = (id: string, usedAtMs: number, sizeBytes: number, shared = false): BuildCacheUsage => ({
  ...{ id, usedAtMs, sizeBytes, shared },
  createdAtMs: 0,
  uses: 0,
});
const USAGE = [
  entry('new', 3000, 10),
  entry('old', 1000, 20),
  entry('in-image', 500, 40, true),
  entry('mid', 2000, 30),
];
const pruned = (options: Partial<Parameters<typeof planCachePrune>[1]>) =>
  planCachePrune(USAGE, { all: false, filters: [], keepBytes: 0, ...options }).map(({ id }) => id);

describe('a prune of the build cache', () => {
  it('takes what no image has, longest unused first', () => {
    expect(pruned({})).toEqual(['old', 'mid', 'new']);
    expect(pruned({ all: true })).toEqual(['in-image', 'old', 'mid', 'new']);
  });

  it('leaves what was used of late, and as much as may stay', () => {
    expect(pruned({ filters: ['until=2.5'] })).toEqual(['old', 'mid']);
    expect(pruned({ keepBytes: 60 })).toEqual(['old', 'mid']);
    expect(pruned({ keepBytes: 100 })).toEqual([]);
    expect(() => pruned({ filters: ['type=regular'] })).toThrow(/invalid filter/);
  });
});
