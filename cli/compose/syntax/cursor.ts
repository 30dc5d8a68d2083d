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
