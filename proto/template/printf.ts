/** Go's fmt.Sprintf for the verbs that templates use: v s d q x X t f g e c %. */
import { printValue, type Value } from './values.ts';

const VERB = /%([-+# 0]*)(\d+|\*)?(?:\.(\d+))?([a-zA-Z%])/g;

export function sprintf(format: string, args: readonly Value[]): string {
  let next = 0;
  const take = () => {
    const value = args[next];
    next += 1;
    return value;
  };
  const text = format.replace(VERB, (_, flags: string, width = '', precision: string | undefined, verb: string) => {
    if (verb === '%') return '%';
    const fieldWidth = width === '*' ? Number(take()) : Number(width);
    if (next >= args.length) return `%!${verb}(MISSING)`;
    const digits = precision === undefined ? undefined : Number(precision);
    return pad(formatVerb(verb, take(), flags, digits), fieldWidth, flags);
  });
  if (next >= args.length) return text;
  return `${text}%!(EXTRA ${args
    .slice(next)
    .map((value) => `${typeof value}=${printValue(value)}`)
    .join(', ')})`;
}

function formatVerb(verb: string, value: Value, flags: string, precision: number | undefined): string {
  switch (verb) {
    case 'v':
      return printArgument(value);
    case 's':
      return printArgument(value).slice(0, precision);
    case 'q':
      return JSON.stringify(printArgument(value));
    case 't':
      return typeof value === 'boolean' ? String(value) : badVerb(verb, value);
    case 'd':
      return typeof value === 'number' ? signed(Math.trunc(value).toString(), value, flags) : badVerb(verb, value);
    case 'c':
      return typeof value === 'number' ? String.fromCodePoint(value) : badVerb(verb, value);
    case 'x':
    case 'X':
      return hexadecimal(verb, value);
    case 'f':
      return typeof value === 'number' ? signed(value.toFixed(precision ?? 6), value, flags) : badVerb(verb, value);
    case 'e':
    case 'g':
      return typeof value === 'number' ? signed(general(verb, value, precision), value, flags) : badVerb(verb, value);
    default:
      return badVerb(verb, value);
  }
}

/** fmt prints a missing argument's nil otherwise than text/template does. */
function printArgument(value: Value): string {
  return value === undefined || value === null ? '<nil>' : printValue(value);
}

function badVerb(verb: string, value: Value): string {
  return `%!${verb}(${typeof value}=${printArgument(value)})`;
}

function signed(text: string, value: number, flags: string): string {
  if (value < 0) return text;
  return flags.includes('+') ? `+${text}` : flags.includes(' ') ? ` ${text}` : text;
}

function hexadecimal(verb: 'x' | 'X', value: Value): string {
  let text: string;
  if (typeof value === 'number') text = Math.trunc(value).toString(16);
  else if (typeof value === 'string') text = Buffer.from(value).toString('hex');
  else return badVerb(verb, value);
  return verb === 'X' ? text.toUpperCase() : text;
}

function general(verb: 'e' | 'g', value: number, precision: number | undefined): string {
  const text =
    verb === 'e'
      ? value.toExponential(precision ?? 6)
      : precision === undefined
        ? String(value)
        : String(Number(value.toPrecision(Math.max(1, precision))));
  // Go writes at least two digits of exponent.
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

function pad(text: string, width: number, flags: string): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (!flags.includes('0')) return ' '.repeat(missing) + text;
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  return sign + '0'.repeat(missing) + text.slice(sign.length);
}
