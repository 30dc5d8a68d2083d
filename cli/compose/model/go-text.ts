/** Values as Compose, a Go program, prints them: a model must be the same whichever of the two made it. */
import type { Scalar } from '../syntax/tree.ts';

/** A number, a boolean or a string as text: 0o17 and 017 are "15", 1.10 is "1.1", on is "on". */
export function goText(scalar: Scalar): string {
  const { value } = scalar;
  if (value === null) return '';
  if (typeof value !== 'number') return String(value);
  return wholeText(scalar.text) ?? goFloat(value);
}

const MAX_UINT64 = 2n ** 64n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** Every digit of it, also of an id that has more than a JavaScript number holds. Undefined: a fraction, or read as one. */
function wholeText(text: string): string | undefined {
  const match = /^([-+]?)(?:0o?([0-7]+)|(0x[0-9a-f]+|0b[01]+|[0-9]+))$/i.exec(text.replaceAll('_', ''));
  if (match === null) return undefined;
  const [, sign, octal, digits = ''] = match;
  const size = BigInt(octal === undefined ? digits : `0o${octal}`);
  const value = sign === '-' ? -size : size;
  return value > MAX_UINT64 || value < MIN_INT64 ? undefined : value.toString();
}

/** As %v prints it: with the fewest digits, and an exponent below 1e-4 and from 1e6. */
function goFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  const digits = Math.abs(power).toString().padStart(2, '0');
  return `${mantissa}e${power < 0 ? '-' : '+'}${digits}`;
}

/** Fractions are of single precision in Compose's model: of 0.333333333 its JSON has 0.33333334, the shortest that means the same. */
export function singlePrecision(value: number): number {
  const single = Math.fround(value);
  for (let digits = 1; digits <= 9; digits += 1) {
    const short = Number(single.toPrecision(digits));
    if (Math.fround(short) === single) return short;
  }
  return value;
}

const UNIT_NS: ReadonlyMap<string, number> = new Map([
  ['ns', 1],
  ['us', 1e3],
  ['µs', 1e3],
  ['ms', 1e6],
  ['s', 1e9],
  ['m', 60e9],
  ['h', 3600e9],
  ['d', 86_400e9],
  ['w', 604_800e9],
]);

const TERM = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w)/gy;

/** "1h30m" → nanoseconds; undefined: not a duration. */
export function parseGoDuration(text: string): number | undefined {
  const [, sign = '', rest = ''] = /^([-+]?)(.*)$/.exec(text) ?? [];
  if (rest === '0') return 0;
  let total = 0;
  let at = 0;
  for (const match of rest.matchAll(TERM)) {
    total += Number(match[1]) * (UNIT_NS.get(match[2] ?? '') ?? Number.NaN);
    at += match[0].length;
  }
  if (rest === '' || at !== rest.length) return undefined;
  return sign === '-' ? -total : total;
}

/** 90e9 → "1m30s", 0 → "0s". */
export function goDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  const sign = nanoseconds < 0 ? '-' : '';
  const total = Math.abs(nanoseconds);
  if (total < 1e3) return `${sign}${total}ns`;
  if (total < 1e6) return `${sign}${total / 1e3}µs`;
  if (total < 1e9) return `${sign}${total / 1e6}ms`;
  const hours = Math.floor(total / 3600e9);
  const minutes = Math.floor(total / 60e9) % 60;
  const seconds = (total % 60e9) / 1e9;
  const ofHours = hours > 0 ? `${hours}h` : '';
  const ofMinutes = hours > 0 || minutes > 0 ? `${minutes}m` : '';
  return `${sign}${ofHours}${ofMinutes}${seconds}s`;
}
