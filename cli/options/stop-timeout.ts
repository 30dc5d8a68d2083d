/** -t of `stop` and `restart`. */
import { invalidFlag } from '../command-line.ts';

/** A day is for ever to somebody who waits for a container. */
const FOR_EVER_MS = 24 * 3_600_000;

/** Seconds as milliseconds. */
export function stopTimeout(text: string): number {
  if (text === '-1') return FOR_EVER_MS;
  if (!/^\d+$/.test(text)) throw invalidFlag('--timeout', text, 'write a number of seconds, or -1 to wait for ever');
  return Number(text) * 1000;
}
