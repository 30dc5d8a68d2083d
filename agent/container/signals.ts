/** Signals as users write them. */
import { constants } from 'node:os';
import { GantryError } from '../../proto/errors.ts';

/** glibc's, which programs see; the kernel's first two are kept for threads. Source: signal(7). */
const RTMIN = 34;
const RTMAX = 64;

export const SIGTERM = constants.signals.SIGTERM;
export const SIGKILL = constants.signals.SIGKILL;

/** A name with or without SIG in any case, RTMIN+N, RTMAX-N, or a number. Throws INVALID_ARGUMENT. */
export function parseSignal(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : numberOfName(text.toUpperCase().replace(/^SIG/, ''));
  if (number !== undefined && number >= 1 && number <= RTMAX) return number;
  throw new GantryError('INVALID_ARGUMENT', `unknown signal "${text}"`, { hint: 'signal(7) lists the names' });
}

function numberOfName(name: string): number | undefined {
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (realTime === null) return constants.signals[`SIG${name}` as NodeJS.Signals];
  const [, base, sign = '+', offset = '0'] = realTime;
  const number = (base === 'MIN' ? RTMIN : RTMAX) + (sign === '+' ? Number(offset) : -Number(offset));
  return number >= RTMIN ? number : undefined;
}
