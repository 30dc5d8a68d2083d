/** What differs between two messages, field by field, as text. Pure, and total: fields that it knows nothing of are shown too. */
import type { FieldChange } from '../../../proto/generated/gantry/v1/control.ts';

export interface FieldNames {
  /** What users call the field at this path of property names: "task.container.env" → "environment". */
  readonly renamed: ReadonlyMap<string, string>;
  /** By path. Undefined: there is nothing to show of this element, or value. */
  readonly values: ReadonlyMap<string, (value: unknown) => string | undefined>;
  /** Lists whose elements are told apart by something of theirs, by path. */
  readonly keyed: ReadonlyMap<string, Keyed>;
  /** Of a path: its keys are the users' own. */
  readonly isMap: (path: string) => boolean;
}

export interface Keyed {
  /** Of an element. */
  readonly key: (element: unknown) => string;
  readonly value: (element: unknown) => string;
}

/** Empty for messages that show the same. */
export function fieldChanges(before: unknown, after: unknown, names: FieldNames): FieldChange[] {
  const [old, now] = [new Shown(names), new Shown(names)];
  old.add('', '', before);
  now.add('', '', after);
  const fields = new Set([...now.texts.keys(), ...old.texts.keys()]);
  const changed = [...fields].flatMap((field): FieldChange[] => {
    const change = { field, before: old.texts.get(field), after: now.texts.get(field) };
    return change.before === change.after || isFilled(change, old, now) ? [] : [change];
  });
  return [...changed, ...orderChanges(old, now)];
}

/** "{}" of what has fields on the other side says nothing that those don't. */
function isFilled({ field, before, after }: FieldChange, old: Shown, now: Shown): boolean {
  const [empty, filled] = before === NOTHING ? [after, now] : [before, old];
  return (before === NOTHING || after === NOTHING) && empty === undefined && hasFieldsUnder(filled, field);
}

function hasFieldsUnder({ texts }: Shown, field: string): boolean {
  return [...texts.keys()].some((other) => other.startsWith(`${field}.`) || other.startsWith(`${field} `));
}

/** Lists that have the same elements in another order. */
function orderChanges(old: Shown, now: Shown): FieldChange[] {
  return [...now.orders].flatMap(([field, keys]): FieldChange[] => {
    const before = old.orders.get(field) ?? [];
    const isReordered = String(before) !== String(keys) && String([...before].sort()) === String([...keys].sort());
    return isReordered ? [{ field: `${field} (order)`, before: before.join(' '), after: keys.join(' ') }] : [];
  });
}

const NOTHING = '{}';

class Shown {
  /** By field, in the order of the message. */
  readonly texts = new Map<string, string>();
  /** The keys of keyed lists. */
  readonly orders = new Map<string, string[]>();
  readonly #names: FieldNames;

  constructor(names: FieldNames) {
    this.#names = names;
  }

  /** `path`: of property names; `field`: what that is called. */
  add(path: string, field: string, value: unknown): void {
    const show = this.#names.values.get(path);
    if (show !== undefined) this.#put(field, show(value));
    else if (Array.isArray(value)) this.#addList(path, field, value);
    else if (isUnset(value)) return;
    else if (ArrayBuffer.isView(value)) this.#put(field, `${value.byteLength} bytes`);
    else if (typeof value === 'object' && value !== null) this.#addMembers(path, field, value);
    else this.#put(field, scalarText(path, value));
  }

  #addMembers(path: string, field: string, value: object): void {
    const size = this.texts.size;
    for (const [name, member] of Object.entries(value)) {
      this.add(join(path, name), this.#fieldOf(path, field, name), member);
    }
    if (this.texts.size === size && field !== '') this.#put(field, NOTHING);
  }

  #put(field: string, text: string | undefined): void {
    if (text !== undefined) this.texts.set(field, text);
  }

  #fieldOf(path: string, field: string, name: string): string {
    const renamed = this.#names.renamed.get(join(path, name));
    if (renamed !== undefined) return renamed;
    return this.#names.isMap(path) ? `${field} ${name}` : join(field, snakeCase(name).replace(UNIT, ''));
  }

  #addList(path: string, field: string, list: readonly unknown[]): void {
    if (list.length === 0) return;
    const keyed = this.#names.keyed.get(path);
    if (keyed === undefined) this.#put(field, JSON.stringify(list));
    else this.#addKeyed(field, list, keyed);
  }

  #addKeyed(field: string, list: readonly unknown[], keyed: Keyed): void {
    const seen = new Map<string, number>();
    const keys = list.map((element) => {
      const key = keyed.key(element);
      const count = (seen.get(key) ?? 0) + 1;
      seen.set(key, count);
      const unique = count === 1 ? key : `${key} (${count})`;
      this.#put(`${field} ${unique}`, keyed.value(element));
      return unique;
    });
    this.orders.set(field, keys);
  }
}

/** Of an element of a list: what it says beside what it is told apart by, as "read_only propagation=slave". */
export function compactText(element: unknown, without: readonly string[] = []): string {
  if (typeof element !== 'object' || element === null) return String(element);
  return Object.entries(element)
    .flatMap(([name, value]): string[] => {
      if (without.includes(name) || isUnset(value)) return [];
      if (value === true) return [snakeCase(name)];
      return [`${snakeCase(name)}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`];
    })
    .join(' ');
}

/** What our names of fields say of the unit. */
const UNIT = /_(ms|bytes)$/;

function scalarText(path: string, value: unknown): string {
  if (typeof value === 'number' && path.endsWith('Ms')) return durationText(value);
  return typeof value === 'number' && path.endsWith('Bytes') ? sizeText(value) : String(value);
}

/** "5s", "250ms" */
export function durationText(milliseconds: number): string {
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;
}

/** As compose files have it: "64M" of powers of 1024. */
function sizeText(bytes: number): string {
  if (bytes < 0) return 'unlimited';
  const [factor, unit] = SIZES.find(([size]) => bytes % size === 0) ?? [1, 'B'];
  return `${bytes / factor}${unit}`;
}

const SIZES: readonly (readonly [number, string])[] = [
  [2 ** 30, 'G'],
  [2 ** 20, 'M'],
  [2 ** 10, 'K'],
];

function isUnset(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || value === '' || value === 0 || value === false;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
