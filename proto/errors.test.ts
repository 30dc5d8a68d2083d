import { describe, expect, it } from 'vitest';
import { errorLine, fromServiceError, GantryError, toGantryError, toServiceError } from './errors.ts';

describe('toGantryError', () => {
  it('leaves a GantryError as it is, and keeps what else was thrown as the cause', () => {
    const error = new GantryError('NOT_FOUND', 'no such thing');
    expect(toGantryError(error)).toBe(error);
    const thrown = new TypeError('x is undefined');
    expect(toGantryError(thrown)).toMatchObject({ code: 'INTERNAL', message: 'x is undefined', cause: thrown });
  });

  it('says of a full disk what to do', () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    expect(toGantryError(full)).toMatchObject({ code: 'HOST', cause: full });
    expect(errorLine(toGantryError(full))).toMatch(/^no space left on device; free some/);
    const quota = Object.assign(new Error('EDQUOT: disk quota exceeded, open'), { code: 'EDQUOT', path: '/data/x' });
    expect(toGantryError(quota).message).toBe('/data/x: no space left on device');
  });
});

describe('an error on its way to a client', () => {
  it('is what it was', () => {
    const error = new GantryError('NOT_FOUND', 'no such thing\nat all', { hint: 'look elsewhere' });
    expect(fromServiceError(toServiceError(error))).toMatchObject({
      code: 'NOT_FOUND',
      message: error.message,
      hint: error.hint,
    });
  });

  it('has an end, and moves no cursor, whatever it quotes', () => {
    const error = new GantryError('CORRUPT', `a\u001b[2J\u009b1m\r${'x'.repeat(1 << 20)}`);
    const { message } = fromServiceError(toServiceError(error));
    expect(message).toMatch(/^a \[2J 1m x+\.\.\.$/);
    expect(message.length).toBeLessThan(5000);
  });
});
