/** What every manager says of every register once nobody writes any more. */
import { until } from '../lab/until.ts';
import type { ManagerClient } from './manager-client.ts';
import type { Register } from './registers.ts';

/** A write whose end nobody knows may still come. */
const SETTLED_MS = 30_000;

/** The values of one manager, by label. */
type Values = ReadonlyMap<string, string>;

/** Reads through all managers until they agree, and adds those reads to the histories. Rejects when they never do. */
export async function readFinally(managers: readonly ManagerClient[], registers: readonly Register[]): Promise<void> {
  await until(
    'all managers to say the same of all registers',
    async () => {
      const invokedMs = performance.now();
      const [first = new Map(), ...others] = await Promise.all(managers.map((manager) => manager.readAll()));
      if (!others.every((values) => areSame(first, values))) return false;
      const returnedMs = performance.now();
      for (const { label, history } of registers) {
        history.push({ kind: 'read', value: first.get(label), invokedMs, returnedMs });
      }
      return true;
    },
    SETTLED_MS,
  );
}

function areSame(one: Values, other: Values): boolean {
  return one.size === other.size && [...one].every(([label, value]) => other.get(label) === value);
}
