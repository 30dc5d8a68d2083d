/** Reads typed values out of a tree, key by key, collecting every problem instead of stopping at the first. */

import { suggest } from '../../../proto/suggestion.ts';
import { type Problem, ProblemError } from './problem.ts';
import { describe, type Mapping, type Position, type Tree } from './tree.ts';

/** The keys that a mapping may have: those that are honoured, and those that exist but are refused, with what to do. */
export interface KeySet {
  readonly honoured: ReadonlySet<string>;
  readonly refused: ReadonlyMap<string, string>;
}

export class Cursor {
  readonly tree: Tree;
  readonly #problems: Problem[];
  /** Of what it is in; of the first one, the whole path. */
  readonly #parent: Cursor | string;
  /** Where in it; an item of a list has a number. */
  readonly #key: string | number;

  constructor(tree: Tree, parent: Cursor | string, problems: Problem[], key: string | number = '') {
    this.tree = tree;
    this.#parent = parent;
    this.#problems = problems;
    this.#key = key;
  }

  /** Dotted path from the top of the file. Put together when it is asked for: that is when something is wrong. */
  get path(): string {
    if (typeof this.#parent === 'string') return this.#parent;
    const path = this.#parent.path;
    if (typeof this.#key === 'number') return `${path}[${this.#key}]`;
    return path === '' ? this.#key : `${path}.${this.#key}`;
  }

  get position(): Position {
    return this.tree.position;
  }

  /** The same place with its value in another form. */
  withTree(tree: Tree): Cursor {
    return new Cursor(tree, this.#parent, this.#problems, this.#key);
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
    const path = this.path === '' ? key : `${this.path}.${key}`;
    this.#problems.push({ position, key: path, ...what });
  }

  child(key: string): Cursor | undefined {
    const entry = this.#mapping().entries.get(key);
    return entry === undefined ? undefined : this.#below(entry.value, key);
  }

  /** The key's value if it is there, isn't null, and could be read. */
  field<T>(key: string, read: (cursor: Cursor) => T): T | undefined {
    const child = this.child(key);
    return child === undefined || child.isNull ? undefined : child.attempt(read);
  }

  entries(): [key: string, value: Cursor][] {
    const found: [string, Cursor][] = [];
    for (const { key, value } of this.#mapping().entries.values()) found.push([key, this.#below(value, key)]);
    return found;
  }

  #below(tree: Tree, key: string | number): Cursor {
    return new Cursor(tree, this, this.#problems, key);
  }

  #mapping(): Mapping {
    if (this.tree.kind !== 'mapping') {
      throw this.problem(`must be a mapping, not ${describe(this.tree)}`, 'write "key: value" lines below it');
    }
    return this.tree;
  }

  // ---- lists ----

  /** What could be read of the items. */
  items<T>(read: (item: Cursor) => T): T[] {
    if (this.tree.kind !== 'sequence') {
      throw this.problem(`must be a list, not ${describe(this.tree)}`, 'write "- item" lines below it');
    }
    const values: T[] = [];
    this.tree.items.forEach((item, index) => {
      const value = this.#below(item, index).attempt(read);
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

  /** Where the value of a key of `KEY: value` lines, or of a list of `KEY=value`, is written. */
  valueAt(key: string): Cursor {
    if (this.tree.kind === 'mapping') return this.child(key) ?? this;
    const isOfKey = (item: Cursor) => item.string().split('=', 1)[0] === key;
    return this.items((item) => (isOfKey(item) ? item : undefined)).findLast((item) => item !== undefined) ?? this;
  }

  // ---- scalars ----

  /** Numbers and booleans count as the text they were written as. */
  string(): string {
    if (this.tree.kind !== 'scalar')
      throw this.problem(`must be a string, not ${describe(this.tree)}`, 'write one value');
    if (this.tree.value === null) throw this.problem('has no value', 'write one, or remove the key');
    return this.tree.text;
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
}
