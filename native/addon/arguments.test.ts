import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { native } from './native.ts';
import { useWorkplace } from './workplace.testing.ts';

const place = useWorkplace();

describe('arguments', () => {
  it('never crashes on what is not an argument', async () => {
    const junk = [undefined, null, 1.5, -1, {}, [], Symbol('x'), () => 0, Number.NaN, new Float64Array(2)];
    for (const method of Object.values(native) as ((...values: unknown[]) => unknown)[]) {
      if (method === native.closeFd || method === native.tryLock) continue;
      for (const value of junk) {
        const values = [value, value, value, value, value];
        await expect((async () => method(...values))()).rejects.toBeInstanceOf(Error);
      }
    }
    expect(existsSync(place.directory)).toBe(true);
  });
});
