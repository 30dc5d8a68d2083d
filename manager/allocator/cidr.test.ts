import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cidr, contains, firstFree, formatCidr, overlap, parseAddress, parseCidr, size } from './cidr.ts';

const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`no CIDR: ${text}`);
  return parsed;
};

describe('parseCidr', () => {
  it.each(['10.0.0.0/8', '0.0.0.0/0', '255.255.255.255/32', '192.168.1.64/26'])('reads and writes %s', (text) => {
    expect(formatCidr(cidr(text))).toBe(text);
  });

  it.each(['', '10.0.0.0', '10.0.0.1/24', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0/8', '::/0', '10.0.0.0/x'])(
    'refuses "%s"',
    (text) => {
      expect(parseCidr(text)).toBeUndefined();
    },
  );
});

describe('ranges', () => {
  it('overlap when they share an address', () => {
    expect(overlap(cidr('10.0.0.0/8'), cidr('10.1.0.0/16'))).toBe(true);
    expect(overlap(cidr('10.0.0.0/16'), cidr('10.1.0.0/16'))).toBe(false);
  });

  it('contain their first and last address, and no other', () => {
    const block = cidr('10.0.0.64/26');
    const inside = ['10.0.0.63', '10.0.0.64', '10.0.0.127', '10.0.0.128'].map((text) =>
      contains(block, parseAddress(text) ?? 0),
    );
    expect(inside).toEqual([false, true, true, false]);
  });
});

describe('firstFree', () => {
  it('finds a range of the asked length in the pool that overlaps nothing, as long as there is one', () => {
    const pool = cidr('10.0.0.0/24');
    const taken = fc.array(
      fc.tuple(fc.integer({ min: 24, max: 32 }), fc.integer({ min: 0, max: 255 })).map(([prefix, offset]): Cidr => {
        const step = size({ base: 0, prefix });
        return { base: pool.base + Math.floor(offset / step) * step, prefix };
      }),
    );
    fc.assert(
      fc.property(taken, fc.integer({ min: 24, max: 30 }), (ranges, prefix) => {
        const found = firstFree(pool, prefix, ranges);
        const step = size({ base: 0, prefix });
        const candidates = Array.from({ length: size(pool) / step }, (_, n) => ({
          base: pool.base + n * step,
          prefix,
        }));
        const free = candidates.filter((candidate) => !ranges.some((range) => overlap(candidate, range)));
        expect(found).toEqual(free[0]);
      }),
    );
  });
});
