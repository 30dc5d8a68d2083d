import { describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import { Conditions } from './conditions.ts';

const impatient = { timeoutMs: 1, explain: () => new GantryError('UNAVAILABLE', 'not yet') };

describe('Conditions', () => {
  it('resolve at once, or when a change has made them so', async () => {
    const conditions = new Conditions();
    let number = 1;
    await conditions.until(() => number === 1);
    const two = conditions.until(() => number === 2);
    conditions.check();
    number = 2;
    conditions.check();
    await two;
  });

  it('reject when it takes too long, and when all is over', async () => {
    const conditions = new Conditions();
    await expect(conditions.until(() => false, impatient)).rejects.toThrow('not yet');
    const waiting = conditions.until(() => false);
    conditions.end(new GantryError('UNAVAILABLE', 'over'));
    await expect(waiting).rejects.toThrow('over');
    await expect(conditions.until(() => true)).rejects.toThrow('over');
  });
});
