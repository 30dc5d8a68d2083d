/** This host's clock and a manager's: certificates say from when until when they are valid. */
import { BACKDATED_MS } from '../../proto/certificate-life.ts';
import { GantryError } from '../../proto/errors.ts';

/** Beyond this, a certificate made by one host may not be valid yet for another. */
const TOLERABLE_MS = BACKDATED_MS;
const SET_IT = 'set the one that is wrong, and let both follow a time server; then try again';

/** WRONG_STATE when the clocks differ by more than certificates bear. `managerMs` 0: the manager doesn't say. */
export function checkClocks(action: string, manager: string, managerMs: number, ownMs: number): void {
  if (managerMs === 0 || Math.abs(managerMs - ownMs) <= TOLERABLE_MS) return;
  throw new GantryError('WRONG_STATE', `cannot ${action}: ${differenceText(manager, managerMs, ownMs)}`, {
    hint: SET_IT,
  });
}

/** "this host's clock is 3 hours behind that of 10.0.0.1:2377" */
export function differenceText(manager: string, managerMs: number, ownMs: number): string {
  const direction = ownMs < managerMs ? 'behind' : 'ahead of';
  return `this host's clock is ${span(Math.abs(managerMs - ownMs))} ${direction} that of ${manager}`;
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** In the largest unit that it has two of. */
function span(ms: number): string {
  const [unit, size] = UNITS.find(([, length]) => ms >= 2 * length) ?? ['second', 1000];
  return `${Math.round(ms / size)} ${unit}s`;
}
