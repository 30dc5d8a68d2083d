/** Go's durations, as Dockerfiles have them: "1m30s", "500ms". Pure. */
import { GantryError } from '../../proto/errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/** Milliseconds, rounded. Throws INVALID_ARGUMENT. */
export function parseDurationMs(text: string): number {
  if (text === '0') return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/.test(text)) {
    throw new GantryError('INVALID_ARGUMENT', `invalid duration ${JSON.stringify(text)}`, {
      hint: 'write it like 30s or 1m30s',
    });
  }
  let sum = 0;
  for (const [, number = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)) {
    sum += Number(number) * (UNIT_MS[unit] ?? 0);
  }
  return Math.round(sum);
}
