/** The functions a template may call: Go's own, and those Docker adds. `and` and `or` are the evaluator's. */
import { sprintf } from './printf.ts';
import { isFields, isList, isMap, isTrue, printValue, toJsonValue, typeName, type Value } from './values.ts';

export type TemplateFunction = (...args: readonly Value[]) => Value;

/** By name; undefined: the evaluator's own. */
export type TemplateFunctions = ReadonlyMap<string, TemplateFunction | undefined>;

/** A function was called with something it can't work on; the evaluator adds the place. */
export class CallError extends Error {}

const GO_FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  not: (value) => !isTrue(value),
  len: length,
  index: (value, ...keys) => keys.reduce<Value>(indexOnce, value),
  slice,
  print: (...args) => args.map(printValue).join(' '),
  println: (...args) => `${args.map(printValue).join(' ')}\n`,
  printf: (format, ...args) => sprintf(text('printf', format), args),
  eq: (first, ...others) => {
    if (others.length === 0) throw new CallError('missing argument for comparison');
    return others.some((other) => isEqual(first, other));
  },
  ne: (a, b) => !isEqual(a, b),
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
};

const DOCKER_FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  json: (value) => JSON.stringify(toJsonValue(value)),
  split: (value, separator) => text('split', value).split(text('split', separator)),
  join: (list, separator) => strings('join', list).join(text('join', separator)),
  // Go's strings.Title: a word begins behind whatever is neither letter, digit nor underscore.
  title: (value) => text('title', value).replace(/(?<![\w\u{80}-\u{10ffff}])\S/gu, (letter) => letter.toUpperCase()),
  lower: (value) => text('lower', value).toLowerCase(),
  upper: (value) => text('upper', value).toUpperCase(),
  pad: (value, before, after) => {
    const inner = text('pad', value);
    return inner === '' ? '' : ' '.repeat(count('pad', before)) + inner + ' '.repeat(count('pad', after));
  },
  truncate: (value, size) => text('truncate', value).slice(0, count('truncate', size)),
};

/** These two don't evaluate all of their arguments. */
export const LAZY_FUNCTIONS: ReadonlySet<string> = new Set(['and', 'or']);

export const FUNCTIONS: TemplateFunctions = new Map([
  ...Object.entries(GO_FUNCTIONS),
  ...Object.entries(DOCKER_FUNCTIONS),
  ...[...LAZY_FUNCTIONS].map((name): [string, undefined] => [name, undefined]),
]);

/**
 * In a table's heading the same template runs over the columns' titles: Docker's functions give back what
 * they are given there, so that `{{upper .Names}}` still has the heading NAMES.
 */
export const HEADING_FUNCTIONS: TemplateFunctions = new Map([
  ...FUNCTIONS,
  ...['json', 'split', 'join', 'title', 'lower', 'upper', 'truncate'].map((name): [string, TemplateFunction] => [
    name,
    (value) => value,
  ]),
]);

function text(name: string, value: Value): string {
  if (typeof value !== 'string')
    throw new CallError(`error calling ${name}: expected string; found ${typeName(value)}`);
  return value;
}

function count(name: string, value: Value): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw new CallError(`error calling ${name}: expected a whole number; found ${printValue(value)}`);
  }
  return value;
}

function strings(name: string, value: Value): readonly string[] {
  if (!isList(value)) throw new CallError(`error calling ${name}: expected []string; found ${typeName(value)}`);
  return value.map(printValue);
}

function length(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (isList(value)) return value.length;
  if (isMap(value)) return value.size;
  throw new CallError(`error calling len: len of type ${typeName(value)}`);
}

function indexOnce(value: Value, key: Value): Value {
  if (isMap(value)) {
    if (typeof key !== 'string')
      throw new CallError(`error calling index: value has type ${typeName(key)}; should be string`);
    // Go gives the zero value of the element's type; our maps of scalars are maps of strings.
    return value.has(key) ? value.get(key) : zeroElement(value);
  }
  if (isFields(value) && typeof key === 'string') return value[key];
  if (!isList(value) && typeof value !== 'string') {
    throw new CallError(`error calling index: can't index item of type ${typeName(value)}`);
  }
  if (typeof key !== 'number')
    throw new CallError(`error calling index: cannot index slice/array with type ${typeName(key)}`);
  if (key < 0 || key >= value.length) throw new CallError(`error calling index: index out of range: ${key}`);
  return typeof value === 'string' ? value.charCodeAt(key) : value[key];
}

function zeroElement(map: ReadonlyMap<string, Value>): Value {
  const [sample] = map.values();
  return sample === undefined || typeof sample === 'string' ? '' : undefined;
}

function slice(value: Value, ...bounds: readonly Value[]): Value {
  if (typeof value !== 'string' && !isList(value)) {
    throw new CallError(`error calling slice: can't slice item of type ${typeName(value)}`);
  }
  const [from = 0, to = value.length] = bounds.map((bound) => count('slice', bound));
  if (from > to || to > value.length) throw new CallError(`error calling slice: index out of range: ${to}`);
  return value.slice(from, to);
}

function isEqual(a: Value, b: Value): boolean {
  if (typeof a === 'object' && a !== null) throw new CallError('error calling eq: non-comparable type');
  if (a !== null && a !== undefined && b !== null && b !== undefined && typeof a !== typeof b) {
    throw new CallError('error calling eq: incompatible types for comparison');
  }
  return (a ?? null) === (b ?? null);
}

function compare(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  throw new CallError('error calling lt: incompatible types for comparison');
}
