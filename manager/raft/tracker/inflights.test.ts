import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inflights } from './inflights.ts';

const UNLIMITED = Number.POSITIVE_INFINITY;

describe('the messages on their way', () => {
  it('are full by number', () => {
    const inflights = new Inflights(2, UNLIMITED);
    inflights.add(1, 10);
    expect(inflights.full).toBe(false);
    inflights.add(2, 10);
    expect(inflights.full).toBe(true);
    expect(() => inflights.add(3, 1)).toThrow('full window');
  });

  it('are full by bytes, beyond which one message may go', () => {
    const inflights = new Inflights(100, 10);
    inflights.add(1, 9);
    expect(inflights.full).toBe(false);
    inflights.add(2, 50);
    expect(inflights.full).toBe(true);
    inflights.freeTo(1);
    expect(inflights.full).toBe(true);
    inflights.freeTo(2);
    expect(inflights).toMatchObject({ full: false, count: 0 });
  });

  it('arrive in order: one answer frees all up to it', () => {
    const inflights = new Inflights(10, UNLIMITED);
    for (const index of [3, 5, 9]) inflights.add(index, 1);
    inflights.freeTo(2);
    expect(inflights.count).toBe(3);
    inflights.freeTo(6);
    expect(inflights.count).toBe(1);
    inflights.freeTo(9);
    expect(inflights.count).toBe(0);
  });

  it('are as in a simple list, whatever comes and goes', () => {
    const step = fc.oneof(fc.record({ sent: fc.nat(100) }), fc.record({ arrived: fc.nat(30) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 4000, minLength: 2000 }), (steps) => {
        const inflights = new Inflights(3000, UNLIMITED);
        let model: number[] = [];
        let last = 0;
        for (const one of steps) {
          if ('sent' in one) {
            last += 1;
            inflights.add(last, one.sent);
            model.push(last);
          } else {
            const to = (model[0] ?? 0) + one.arrived - 15;
            inflights.freeTo(to);
            model = model.filter((index) => index > to);
          }
          expect(inflights.count).toBe(model.length);
        }
      }),
      { numRuns: 5 },
    );
  });
});
