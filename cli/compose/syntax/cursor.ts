/** Reads typed values out of a tree, key by key, collecting every problem instead of stopping at the first. */

import { suggest } from '../../../proto/suggestion.ts';
import { type Problem, ProblemError } from './problem.ts';
import { parseBytes, parseDuration, parseNanoCpus } from './quantities.ts';
import { describe, type Mapping, type Position, type Tree } from './tree.ts';

/** The keys that a mapping may have: those that are honoured, and those that exist but are refused, with what to do. */
export interface KeySet {
  readonly honoured: ReadonlySet<string>;
  readonly refused: ReadonlyMap<string, string>;
}

export class Cursor {
  readonly tree: Tree;
  /** Dotted path from the top of the file. */
  readonly path: string;
  readonly #problems: Problem[];

  constructor(tree: Tree, path: string, problems: Problem[]) {
    this.tree = tree;
    this.path = path;
    this.#problems = problems;
  }

  get position(): Position {
    return this.tree.position;
  }

  /** The same place with its value in another form. */
  withTree(tree: Tree): Cursor {
    return new Cursor(tree, this.path, this.#problems);
  }

  /** For `throw cursor.problem(...)`. */
  problem(message: string, hint: string): ProblemError {
    return new ProblemError({ position: this.position, key: this.path, message, hint });
  }

  /** Notes a problem and goes on. */
  report(message: string, hint: string): void {
    this.#problems.push(this.problem(message, hint).problem);
  }

  get isNull(): boolean {
    return this.tree.kind === 'scalar' && this.tree.value === null;
  }

  /** Runs a reader; a ProblemError it throws is noted, and the value is then undefined. */
  attempt<T>(read: (cursor: Cursor) => T): T | undefined {
    try {
      return read(this);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      this.#problems.push(error.problem);
      return undefined;
    }
  }

  // ---- mappings ----

  /** Notes each key that isn't honoured. Keys that start with "x-" are the user's own. */
  checkKeys(keys: KeySet): void {
    for (const { key } of this.#mapping().entries.values()) {
      if (!keys.honoured.has(key) && !key.startsWith('x-')) this.reportKey(key, keys);
    }
  }

  /** Notes a key that isn't honoured. */
  reportKey(key: string, { honoured, refused }: KeySet): void {
    const position = this.#mapping().entries.get(key)?.keyPosition ?? this.position;
    const hint = refused.get(key);
    const nearest = suggest(key, honoured);
    const unknown =
      nearest === undefined ? 'remove it, or name it x-… to have it ignored' : `did you mean "${nearest}"?`;
    const what =
      hint === undefined ? { message: 'unknown key', hint: unknown } : { message: 'not supported yet', hint };
    this.#problems.push({ position, key: this.#pathOf(key), ...what });
  }

  child(key: string): Cursor | undefined {
    const entry = this.#mapping().entries.get(key);
    return entry === undefined ? undefined : new Cursor(entry.value, this.#pathOf(key), this.#problems);
  }

  /** The key's value if it is there, isn't null, and could be read. */
  field<T>(key: string, read: (cursor: Cursor) => T): T | undefined {
    const child = this.child(key);
    return child === undefined || child.isNull ? undefined : child.attempt(read);
  }

  entries(): [key: string, value: Cursor][] {
    return [...this.#mapping().entries.values()].map((entry) => [
      entry.key,
      new Cursor(entry.value, this.#pathOf(entry.key), this.#problems),
    ]);
  }

  #mapping(): Mapping {
    if (this.tree.kind !== 'mapping') {
      throw this.problem(`must be a mapping, not ${describe(this.tree)}`, 'write "key: value" lines below it');
    }
    return this.tree;
  }

  #pathOf(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  // ---- lists ----

  /** What could be read of the items. */
  items<T>(read: (item: Cursor) => T): T[] {
    if (this.tree.kind !== 'sequence') {
      throw this.problem(`must be a list, not ${describe(this.tree)}`, 'write "- item" lines below it');
    }
    const values: T[] = [];
    this.tree.items.forEach((item, index) => {
      const value = new Cursor(item, `${this.path}[${index}]`, this.#problems).attempt(read);
      if (value !== undefined) values.push(value);
    });
    return values;
  }

  stringList(): string[] {
    return this.items((item) => item.string());
  }

  /** One string or a list of them. */
  stringOrList(): string[] {
    return this.tree.kind === 'scalar' ? [this.string()] : this.stringList();
  }

  /** `KEY: value` lines or a list of `KEY=value`; a key without a value has undefined. */
  keyValues(): Map<string, string | undefined> {
    const pairs = new Map<string, string | undefined>();
    if (this.tree.kind === 'mapping') {
      for (const [key, value] of this.entries()) {
        pairs.set(key, value.isNull ? undefined : value.attempt((cursor) => cursor.string()));
      }
      return pairs;
    }
    for (const text of this.stringList()) {
      const equals = text.indexOf('=');
      if (equals === 0) this.report(`"${text}" has no key`, 'write KEY=VALUE');
      else pairs.set(equals < 0 ? text : text.slice(0, equals), equals < 0 ? undefined : text.slice(equals + 1));
    }
    return pairs;
  }

  /** Where the value of one of the keyValues is written. */
  valueAt(key: string): Cursor {
    if (this.tree.kind === 'mapping') return this.child(key) ?? this;
    const isOfKey = (item: Cursor) => item.string().split('=', 1)[0] === key;
    return this.items((item) => (isOfKey(item) ? item : undefined)).findLast((item) => item !== undefined) ?? this;
  }

  /** As keyValues, where a key without a value has "". */
  labels(): Record<string, string> {
    return Object.fromEntries([...this.keyValues()].map(([key, value]) => [key, value ?? '']));
  }

  // ---- scalars ----

  /** Numbers and booleans count as the text they were written as. */
  string(): string {
    if (this.tree.kind !== 'scalar')
      throw this.problem(`must be a string, not ${describe(this.tree)}`, 'write one value');
    if (this.tree.value === null) throw this.problem('has no value', 'write one, or remove the key');
    return this.tree.text;
  }

  integer(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER): number {
    const text = this.string();
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= minimum && value <= maximum)) {
      const range = maximum === Number.MAX_SAFE_INTEGER ? `from ${minimum}` : `from ${minimum} to ${maximum}`;
      throw this.problem(`"${text}" is not a whole number ${range}`, 'correct it');
    }
    return value;
  }

  /** From 0 to 1. */
  ratio(): number {
    const text = this.string();
    const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= 0 && value <= 1)) throw this.problem(`"${text}" is not a number from 0 to 1`, 'write it as 0.25');
    return value;
  }

  /** Permission bits: octal when written with a leading 0 or 0o, or quoted; else decimal, as YAML says. */
  fileMode(): number {
    const text = this.string();
    const match = /^0?o?([0-7]{1,4})$/.exec(text);
    const octal = match !== null && (text.startsWith('0') || (this.tree.kind === 'scalar' && this.tree.quoted));
    const mode = octal ? Number.parseInt(match[1] ?? '', 8) : Number(text);
    if (!/^[0-9o]+$/.test(text) || !(mode >= 0 && mode <= 0o7777)) {
      throw this.problem(`"${text}" is not a file mode`, 'write octal digits: 0440');
    }
    return mode;
  }

  boolean(): boolean {
    const text = this.string();
    if (/^(true|yes|on|1)$/i.test(text)) return true;
    if (/^(false|no|off|0)$/i.test(text)) return false;
    throw this.problem(`"${text}" is neither true nor false`, 'write true or false');
  }

  durationMs(): number {
    return this.#quantity(parseDuration, 'a duration', 'write it as 30s, 1m30s or 500ms');
  }

  bytes(): number {
    return this.#quantity(parseBytes, 'a size', 'write it as 512m, 1g or a number of bytes');
  }

  nanoCpus(): number {
    return this.#quantity(parseNanoCpus, 'a number of CPUs', 'write it as 0.5 or 2');
  }

  oneOf<const T extends string>(words: readonly T[]): T {
    const text = this.string();
    const found = words.find((word) => word === text);
    if (found === undefined) throw this.problem(`"${text}" is not allowed here`, `write one of ${words.join(', ')}`);
    return found;
  }

  #quantity(parse: (text: string) => number | undefined, what: string, hint: string): number {
    const text = this.string();
    const value = parse(text);
    if (value === undefined) throw this.problem(`"${text}" is not ${what}`, hint);
    return value;
  }
}
