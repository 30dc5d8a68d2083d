import { expect, it } from 'vitest';
import { Pool } from './pool.ts';

it('forgets what nobody asks for, and keeps what somebody does', () => {
  const pool = new Pool<number>(1000);
  pool.set('asked for', 1);
  pool.set('alone', 2);
  for (let number = 0; number < 100; number += 1) {
    pool.set(`other ${number}`, number);
    expect(pool.get('asked for')).toBe(1);
  }
  expect(pool.get('alone')).toBeUndefined();
});
