/** Reads typed values out of a canonical model, and tells of every key that nobody has asked for: none is ignored. */
import { suggest } from '../../../proto/suggestion.ts';
import { parseGoDuration } from '../model/go-text.ts';
import { isObject, type Json, type JsonObject } from '../model/json.ts';
import { originOf } from '../model/origins.ts';
import { placeOf } from '../syntax/places.ts';
import { type Problem, ProblemError } from '../syntax/problem.ts';
import type { Mapping, Tree } from '../syntax/tree.ts';

/** What the model was read from, and what is wrong with it so far. */
export interface ModelSource {
  readonly tree: Mapping;
  readonly problems: Problem[];
}

/** Of keys that aren't honoured: what to do instead. */
export type Refusals = Readonly<Record<string, string>>;

export class ModelCursor {
  readonly value: Json;
  readonly #source: ModelSource;
  /** A cursor knows its key and what it is in: most paths are never asked for. */
  readonly #parent: ModelCursor | undefined;
  readonly #key: string;

  constructor(value: Json, source: ModelSource, parent?: ModelCursor, key = '') {
    this.value = value;
    this.#source = source;
    this.#parent = parent;
    this.#key = key;
  }

  /** From the top of the file. */
  get path(): readonly string[] {
    return this.#parent === undefined ? [] : [...this.#parent.path, this.#key];
  }

  /** What the user wrote; undefined for what goes without saying, and for parts of a short form. */
  get written(): Tree | undefined {
    return placeOf(this.#source.tree, this.path).tree;
  }

  /** Another value of the model; `path` begins at the top of the file. */
  at(value: Json, ...path: string[]): ModelCursor {
    const root = new ModelCursor(null, this.#source);
    const place = path.reduce((parent, key) => new ModelCursor(null, this.#source, parent, key), root);
    return new ModelCursor(value, this.#source, place.#parent, place.#key);
  }

  /** A place of the same file, from its top. */
  placeAt(...path: string[]): ModelCursor {
    return this.at(null, ...path);
  }

  // ---- problems ----

  /** For `throw cursor.problem(...)`. */
  problem(message: string, hint: string): ProblemError {
    const { position, key } = placeOf(this.#source.tree, this.path);
    return new ProblemError({ position, key, message, hint });
  }

  /** Notes a problem and goes on. */
  report(message: string, hint: string): void {
    this.#source.problems.push(this.problem(message, hint).problem);
  }

  /** Runs a reader; a ProblemError it throws is noted, and the value is then undefined. */
  attempt<T>(read: (cursor: ModelCursor) => T): T | undefined {
    try {
      return read(this);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      this.#source.problems.push(error.problem);
      return undefined;
    }
  }

  // ---- mappings ----

  /** Keys of the specification: each that `read` doesn't ask for is a problem. Keys that start with "x-" are the user's own. */
  object<T>(refusals: Refusals, read: (fields: Fields) => T): T {
    const fields = new Fields(this.#object(), (key) => this.#child(key));
    const result = read(fields);
    for (const key of fields.unread()) this.#refuse(key, fields.asked, refusals);
    return result;
  }

  /** All keys with their values: those of labels, variables, options. */
  valuesByKey(): [key: string, value: ModelCursor][] {
    return Object.keys(this.#object()).map((key) => [key, this.#child(key)]);
  }

  /** Names of the user's own, with their values; those that start with "x-" aren't meant. */
  entries(): [name: string, value: ModelCursor][] {
    return this.valuesByKey().filter(([name]) => !name.startsWith('x-'));
  }

  /** Names of the user's own, with what could be read of their values. */
  mapEntries<T>(read: (value: ModelCursor, name: string) => T): [name: string, value: T][] {
    return this.entries().flatMap(([name, cursor]): [string, T][] => {
      const value = cursor.attempt((one) => read(one, name));
      return value === undefined ? [] : [[name, value]];
    });
  }

  /** KEY: text. */
  textByKey(): Record<string, string> {
    return Object.fromEntries(this.valuesByKey().map(([key, value]) => [key, value.text()]));
  }

  #object(): JsonObject {
    if (isObject(this.value)) return this.value;
    throw this.problem('must be a mapping', 'write "key: value" lines below it');
  }

  #child(key: string): ModelCursor {
    return new ModelCursor((this.value as JsonObject)[key] ?? null, this.#source, this, key);
  }

  #refuse(key: string, asked: ReadonlySet<string>, refusals: Refusals): void {
    const { keyPosition, key: path } = placeOf(this.#source.tree, [...this.path, key]);
    const refusal = Object.hasOwn(refusals, key) ? refusals[key] : undefined;
    const nearest = suggest(key, asked);
    const unknown =
      nearest === undefined ? 'remove it, or name it x-… to have it ignored' : `did you mean "${nearest}"?`;
    this.#source.problems.push({
      position: keyPosition,
      key: path,
      message: refusal === undefined ? 'unknown key' : 'not supported yet',
      hint: refusal ?? unknown,
    });
  }

  // ---- lists ----

  /** What could be read of the items. */
  items<T>(read: (item: ModelCursor) => T): T[] {
    const list = this.value;
    if (!Array.isArray(list)) throw this.problem('must be a list', 'write "- item" lines below it');
    return list.flatMap((item: Json, index): T[] => {
      const key = String(originOf(list, index));
      const value = new ModelCursor(item, this.#source, this, key).attempt(read);
      return value === undefined ? [] : [value];
    });
  }

  texts(): string[] {
    return this.items((item) => item.text());
  }

  // ---- scalars ----

  text(): string {
    if (typeof this.value === 'string') return this.value;
    throw this.problem('must be a string', 'write one value, in quotes');
  }

  boolean(): boolean {
    if (typeof this.value === 'boolean') return this.value;
    throw this.problem('must be true or false', 'write one of the two');
  }

  number(): number {
    if (typeof this.value === 'number') return this.value;
    throw this.problem('must be a number', 'write one');
  }

  integer(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.number();
    if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
    const range = maximum === Number.MAX_SAFE_INTEGER ? `from ${minimum}` : `from ${minimum} to ${maximum}`;
    throw this.problem(`"${value}" is not a whole number ${range}`, 'correct it');
  }

  /** A whole number that is written as a string. */
  digits(minimum: number, maximum: number): number {
    const text = this.text();
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) return value;
    throw this.problem(`"${text}" is not a whole number from ${minimum} to ${maximum}`, 'correct it');
  }

  /** From 0 to 1. */
  ratio(): number {
    const value = this.number();
    if (value >= 0 && value <= 1) return value;
    throw this.problem(`"${value}" is not a number from 0 to 1`, 'write it as 0.25');
  }

  /** Billionths of a CPU. */
  nanoCpus(): number {
    const value = this.number();
    if (value >= 0) return Math.round(value * 1e9);
    throw this.problem(`"${value}" is not a number of CPUs`, 'write it as 0.5 or 2');
  }

  bytes(): number {
    const text = this.text();
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value)) return value;
    throw this.problem(`"${text}" is not a size`, 'write it as 512m, 1g or a number of bytes');
  }

  durationMs(): number {
    const text = this.text();
    const nanoseconds = parseGoDuration(text);
    if (nanoseconds !== undefined && nanoseconds >= 0) return Math.round(nanoseconds / 1e6);
    throw this.problem(`"${text}" is not a duration`, 'write it as 30s, 1m30s or 500ms');
  }

  /** Permission bits that are written in octal digits. */
  fileMode(): number {
    return Number.parseInt(this.text(), 8);
  }

  oneOf<const T extends string>(words: readonly T[]): T {
    const text = this.text();
    const found = words.find((word) => word === text);
    if (found === undefined) throw this.problem(`"${text}" is not allowed here`, `write one of ${words.join(', ')}`);
    return found;
  }
}

/** The keys of one mapping, and which of them were asked for. */
export class Fields {
  readonly asked = new Set<string>();
  readonly #object: JsonObject;
  readonly #child: (key: string) => ModelCursor;

  constructor(object: JsonObject, child: (key: string) => ModelCursor) {
    this.#object = object;
    this.#child = child;
  }

  /** What the key has, unless that is null. */
  cursor(key: string): ModelCursor | undefined {
    this.asked.add(key);
    const value = Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
    return value === undefined || value === null ? undefined : this.#child(key);
  }

  /** The key's value if it is there, isn't null, and could be read. */
  get<T>(key: string, read: (cursor: ModelCursor) => T): T | undefined {
    return this.cursor(key)?.attempt(read);
  }

  text(key: string): string {
    return this.get(key, (cursor) => cursor.text()) ?? '';
  }

  flag(key: string): boolean {
    return this.get(key, (cursor) => cursor.boolean()) ?? false;
  }

  texts(key: string): string[] {
    return this.get(key, (cursor) => cursor.texts()) ?? [];
  }

  textByKey(key: string): Record<string, string> {
    return this.get(key, (cursor) => cursor.textByKey()) ?? {};
  }

  /** Those that are there. */
  keys(): string[] {
    return Object.keys(this.#object);
  }

  unread(): string[] {
    return this.keys().filter((key) => !this.asked.has(key) && !key.startsWith('x-'));
  }
}
