/** How the parts of a compose file become the canonical model: one reader for each kind of value. */
import { keyValueMapping } from '../forms/key-values.ts';
import { splitWords } from '../syntax/command-line.ts';
import type { Cursor } from '../syntax/cursor.ts';
import { parseBytes } from '../syntax/quantities.ts';
import { describe, type Scalar, type Tree } from '../syntax/tree.ts';
import { goDuration, goText, parseGoDuration, singlePrecision } from './go-text.ts';
import { type Json, unlessEmpty } from './json.ts';
import { withOrigins } from './origins.ts';

export interface Mode {
  /** False: a value with `${…}` stays what it is. */
  readonly interpolates: boolean;
}

/** Undefined: nothing is said. Throws ProblemError. */
export type Read = (cursor: Cursor, mode: Mode) => Json | undefined;

/** `kept`: what is 0, false or "" says something, too. */
export type Field = Read | { readonly kept: Read };
export type Fields = Readonly<Record<string, Field>>;

export function kept(read: Read): Field {
  return { kept: read };
}

// ---- mappings ----

/** Keys that start with "x-" are the user's own, and stay. */
export function object(fields: Fields, required: readonly string[] = []): Read {
  return (cursor, mode) => {
    const result: [string, Json][] = [];
    for (const [key, value] of cursor.entries()) {
      const read = readField(fields, key, value, mode, cursor);
      if (read !== undefined) result.push([key, read]);
    }
    for (const key of required) {
      if (cursor.child(key) === undefined) cursor.report(`has no ${key}`, `add "${key}:"`);
    }
    return Object.fromEntries(result);
  };
}

function readField(fields: Fields, key: string, value: Cursor, mode: Mode, parent: Cursor): Json | undefined {
  if (key.startsWith('x-')) return toJson(value.tree);
  const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
  if (field === undefined) {
    parent.reportKey(key, { honoured: new Set(Object.keys(fields)), refused: NONE });
    return undefined;
  }
  if (value.isNull) return undefined;
  const isKept = typeof field !== 'function';
  const read = value.attempt((cursor) => (isKept ? field.kept(cursor, mode) : field(cursor, mode)));
  return read === undefined || (!isKept && isEmpty(read)) ? undefined : read;
}

const NONE: ReadonlyMap<string, string> = new Map();

function isEmpty(value: Json): boolean {
  return value === false || value === 0 || value === '' || (Array.isArray(value) && value.length === 0);
}

/** Names of the user's own; those that start with "x-" stay as they are. */
export function named(read: Read, pattern = /^[a-zA-Z0-9._-]+$/): Read {
  return (cursor, mode) => {
    const result: [string, Json][] = [];
    for (const [key, value] of cursor.entries()) {
      if (key.startsWith('x-')) result.push([key, toJson(value.tree)]);
      else if (!pattern.test(key)) value.report(`"${key}" is not a name`, 'use letters, digits, ".", "_" and "-"');
      else result.push([key, value.attempt((one) => read(one, mode)) ?? null]);
    }
    return unlessEmpty(Object.fromEntries(result));
  };
}

/** `KEY: value` or `KEY=value`; `none`: what a key without a value has. */
export function keyValues(none: '' | null): Read {
  return (cursor) => {
    checkWords(cursor);
    const mapping = keyValueMapping(cursor.tree);
    if (mapping === undefined)
      throw cursor.problem(`must be a mapping or a list, not ${describe(cursor.tree)}`, 'write "KEY: value" lines');
    const result: [string, Json][] = [];
    for (const { key, value } of mapping.entries.values()) {
      if (key === '') cursor.report('a variable has no key', 'write KEY=VALUE');
      else if (value.kind === 'scalar') result.push([key, value.value === null ? none : goText(value)]);
      else
        cursor
          .valueAt(key)
          .report(`must be a string, a number or a boolean, not ${describe(value)}`, 'write one value');
    }
    return unlessEmpty(Object.fromEntries(result));
  };
}

function checkWords(cursor: Cursor): void {
  if (cursor.tree.kind === 'sequence') cursor.items((item) => text(item, { interpolates: true }));
}

/** Options of drivers: `KEY: value` only. */
export const options: Read = (cursor) => {
  const result: [string, Json][] = [];
  for (const [key, value] of cursor.entries()) {
    if (value.tree.kind !== 'scalar')
      value.report(`must be a string or a number, not ${describe(value.tree)}`, 'write one value');
    else result.push([key, goText(value.tree)]);
  }
  return unlessEmpty(Object.fromEntries(result));
};

export function toJson(tree: Tree): Json {
  switch (tree.kind) {
    case 'scalar':
      return tree.value;
    case 'sequence':
      return tree.items.map(toJson);
    case 'mapping':
      return Object.fromEntries([...tree.entries].map(([key, { value }]) => [key, toJson(value)]));
  }
}

// ---- lists ----

export function list(read: Read): Read {
  return (cursor, mode) => {
    const origins: number[] = [];
    let index = -1;
    const values = cursor.items((item) => {
      index += 1;
      const value = read(item, mode);
      if (value !== undefined) origins.push(index);
      return value;
    });
    return withOrigins(
      values.filter((value) => value !== undefined),
      origins,
    );
  };
}

/** One value, or a list of them. */
export function oneOrMore(read: Read): Read {
  return (cursor, mode) => {
    if (cursor.tree.kind === 'sequence') return list(read)(cursor, mode);
    const one = read(cursor, mode);
    return one === undefined ? [] : [one];
  };
}

/** A shell's line or a list of words. */
export const commandLine: Read = (cursor, mode) => {
  if (cursor.tree.kind === 'sequence') return strings(cursor, mode);
  const line = text(cursor, mode);
  const words = splitWords(line);
  if (words === undefined)
    throw cursor.problem(`a quote is not closed in ${line}`, 'close it, or write a list of words');
  return words;
};

// ---- scalars ----

function scalar(cursor: Cursor, what: string): Scalar {
  const { tree } = cursor;
  if (tree.kind !== 'scalar') throw cursor.problem(`must be ${what}, not ${describe(tree)}`, 'write one value');
  if (tree.value === null) throw cursor.problem('has no value', 'write one, or remove the key');
  return tree;
}

/** A number isn't one: quotes make it one. */
export const text = (cursor: Cursor, _mode: Mode): string => {
  const { value, text: written } = scalar(cursor, 'a string');
  if (typeof value === 'string') return value;
  throw cursor.problem(`must be a string, not the ${typeof value} ${written}`, `put it in quotes: "${written}"`);
};

export const strings: Read = list(text);

/** A string or a number, as text. */
export const textOrNumber: Read = (cursor) => goText(scalar(cursor, 'a string or a number'));

export function oneOf(...words: readonly string[]): Read {
  return (cursor, mode) => {
    const word = text(cursor, mode);
    if (words.includes(word) || isTemplate(word, mode)) return word;
    throw cursor.problem(`"${word}" is not allowed here`, `write one of ${words.join(', ')}`);
  };
}

/** Of what may be written as another type, too: a string that says it. */
function typed<T extends Json>(what: string, hint: string, parse: (value: Scalar) => T | undefined): Read {
  return (cursor, mode) => {
    const value = scalar(cursor, what);
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    if (isTemplate(value.text, mode)) return value.text;
    throw cursor.problem(`"${value.text}" is not ${what}`, hint);
  };
}

function isTemplate(written: string, mode: Mode): boolean {
  return !mode.interpolates && written.includes('$');
}

export const boolean: Read = typed('true or false', 'write true or false', ({ value, text: written }) => {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return undefined;
  if (/^(true|t|yes|y|on|1)$/i.test(written)) return true;
  return /^(false|f|no|n|off|0)$/i.test(written) ? false : undefined;
});

/** `all`: a word for every one of them, which is -1. */
export function integer(minimum: number, maximum: number, all?: string): Read {
  const range = maximum === Number.MAX_SAFE_INTEGER ? `from ${minimum}` : `from ${minimum} to ${maximum}`;
  return typed(`a whole number ${range}`, 'correct it', (value) => {
    if (all !== undefined && value.text.toLowerCase() === all) return -1;
    const number = /^[-+]?[0-9a-fox_]+$/i.test(value.text) ? toNumber(value) : Number.NaN;
    return Number.isInteger(number) && number >= minimum && number <= maximum ? number : undefined;
  });
}

export const anyInteger: Read = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
export const count: Read = integer(0, Number.MAX_SAFE_INTEGER);

export const number: Read = typed('a number', 'write it as 0.5', (value) => {
  const result = toNumber(value);
  return Number.isFinite(result) ? singlePrecision(result) : undefined;
});

function toNumber(value: Scalar): number {
  if (typeof value.value === 'number') return value.value;
  return typeof value.value === 'string' && value.text.trim() !== '' ? Number(value.text) : Number.NaN;
}

/** Bytes, as a string of digits. */
export const bytes: Read = typed('a size', 'write it as 512m, 1g or a number of bytes', (value) => {
  const number = typeof value.value === 'number' ? value.value : parseBytes(value.text);
  // No bound, of memory with swap.
  if (value.text === '-1') return '-1';
  if (number === undefined || number < 0) return undefined;
  return number === 0 ? '' : String(Math.round(number));
});

export const duration: Read = (cursor, mode) => {
  const value = scalar(cursor, 'a duration');
  const written = value.text;
  const nanoseconds = typeof value.value === 'string' ? parseGoDuration(written) : undefined;
  if (nanoseconds !== undefined) return goDuration(nanoseconds);
  if (isTemplate(written, mode)) return written;
  throw cursor.problem(`"${written}" is not a duration`, 'write it as 30s, 1m30s or 500ms');
};

/** One that says nothing when it is zero. */
export const durationUnlessZero: Read = (cursor, mode) => {
  const value = duration(cursor, mode);
  return value === '0s' ? undefined : value;
};

/** Permission bits: "0440". */
export const fileMode: Read = (cursor, mode) => {
  const value = scalar(cursor, 'a file mode');
  if (isTemplate(value.text, mode)) return value.text;
  return `0${cursor.fileMode().toString(8)}`;
};
