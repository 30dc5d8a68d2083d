/** What the histories of the registers show. */
import { isLinearizable, type Operation } from './linearizability.ts';
import type { Register } from './registers.ts';

/** One line per register that didn't behave as one. The last operation of each history reads what is left in the end. */
export function findings(registers: readonly Register[]): string[] {
  return registers.flatMap(({ label, history }) => [
    ...(isLinearizable(history) ? [] : [`${label} is not linearizable:\n${describe(history)}`]),
    ...lostWrites(history).map(({ value }) => `${label} has lost the acknowledged write of ${value}`),
  ]);
}

/**
 * Acknowledged writes that should have been read in the end: no other write began late enough, or ended unknown, to be
 * in their place. Linearizability says so too; this says it in terms of what is gone.
 */
export function lostWrites(history: readonly Operation[]): Operation[] {
  const last = history.at(-1);
  const writes = history.filter(({ kind }) => kind === 'write');
  const left = writes.find(({ value }) => value === last?.value);
  const leftUntil = left === undefined ? Number.NEGATIVE_INFINITY : (left.returnedMs ?? Number.POSITIVE_INFINITY);
  return writes.filter(({ invokedMs, returnedMs }) => returnedMs !== undefined && invokedMs > leftUntil);
}

/** The longest time in which no write was acknowledged, milliseconds. */
export function longestSilenceMs(registers: readonly Register[], beginMs: number, endMs: number): number {
  const ends = registers.flatMap(({ history }) =>
    history.flatMap(({ kind, returnedMs }) => (kind === 'write' && returnedMs !== undefined ? [returnedMs] : [])),
  );
  const times = [beginMs, ...ends.filter((ms) => ms < endMs).toSorted((one, other) => one - other), endMs];
  return Math.max(...times.slice(1).map((ms, index) => ms - (times[index] ?? ms)));
}

function describe(history: readonly Operation[]): string {
  return history
    .toSorted((one, other) => one.invokedMs - other.invokedMs)
    .map(({ kind, value, invokedMs, returnedMs }) => {
      return `  ${kind} ${value ?? 'nothing'} ${invokedMs.toFixed(1)}-${returnedMs?.toFixed(1) ?? '?'}`;
    })
    .join('\n');
}
