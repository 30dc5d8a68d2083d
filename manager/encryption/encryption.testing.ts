/** Randomness that repeats itself. */
import { createHash } from 'node:crypto';
import type { RandomBytes } from '../../proto/ids.ts';

/** Distinct bytes at each call, the same in each run. */
export function seededRandom(seed: string): RandomBytes {
  let calls = 0;
  return (size) => {
    calls += 1;
    return createHash('shake256', { outputLength: size }).update(`${seed} ${calls}`).digest();
  };
}
