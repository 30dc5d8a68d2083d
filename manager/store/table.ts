/** Objects of one kind, by id, by name and by index. */
import type { Stored } from './object-type.ts';
import { SortedObjects } from './sorted-objects.ts';

export interface TableShape<T> {
  nameOf(object: T): string | undefined;
  readonly indexes: Readonly<Record<string, (object: T) => readonly string[]>>;
}

export class Table<T extends Stored> {
  readonly #shape: TableShape<T>;
  readonly #objects = new Map<string, T>();
  readonly #sorted = new SortedObjects<T>();
  readonly #names = new Map<string, Set<string>>();
  readonly #indexes: ReadonlyMap<string, Map<string, Set<string>>>;

  constructor(shape: TableShape<T>) {
    this.#shape = shape;
    this.#indexes = new Map(Object.keys(shape.indexes).map((name) => [name, new Map<string, Set<string>>()]));
  }

  get(id: string): T | undefined {
    return this.#objects.get(id);
  }

  get size(): number {
    return this.#objects.size;
  }

  /** By id. */
  all(): T[] {
    return this.#sorted.all();
  }

  byName(name: string): T[] {
    return this.#resolve(this.#names.get(name));
  }

  byIdPrefix(prefix: string): T[] {
    const exact = this.#objects.get(prefix);
    if (exact !== undefined) return [exact];
    return this.#sorted.startingWith(prefix);
  }

  /** All keys by which there are objects. */
  keys(index: string): string[] {
    return [...(this.#indexes.get(index)?.keys() ?? [])];
  }

  /** How many `byIndex` gives. */
  count(index: string, key: string): number {
    return this.#indexes.get(index)?.get(key)?.size ?? 0;
  }

  byIndex(index: string, key: string): T[] {
    return this.#resolve(this.#indexes.get(index)?.get(key));
  }

  /** True when no other object holds the object's name. */
  hasUniqueName(object: T): boolean {
    const name = this.#shape.nameOf(object);
    if (name === undefined) return true;
    const holders = this.#names.get(name);
    return holders === undefined || [...holders].every((id) => id === object.id);
  }

  /** Returns what was there before. */
  put(object: T): T | undefined {
    const previous = this.#objects.get(object.id);
    this.#objects.set(object.id, object);
    this.#sorted.set(object);
    this.#reindex(object.id, previous, object);
    return previous;
  }

  delete(id: string): T | undefined {
    const object = this.#objects.get(id);
    if (object === undefined) return undefined;
    this.#objects.delete(id);
    this.#sorted.delete(id);
    this.#reindex(id, object, undefined);
    return object;
  }

  #reindex(id: string, before: T | undefined, after: T | undefined): void {
    move(this.#names, id, before && this.#namesOf(before), after && this.#namesOf(after));
    for (const [index, ids] of this.#indexes) {
      const keysOf = this.#shape.indexes[index];
      move(ids, id, before && keysOf?.(before), after && keysOf?.(after));
    }
  }

  #namesOf(object: T): readonly string[] {
    const name = this.#shape.nameOf(object);
    return name === undefined ? [] : [name];
  }

  #resolve(ids: Iterable<string> | undefined): T[] {
    const found: T[] = [];
    for (const id of ids ?? []) {
      const object = this.#objects.get(id);
      if (object !== undefined) found.push(object);
    }
    return found;
  }
}

/** Takes the id from under the keys that it had to those that it has: most changes of an object change none of them. */
function move(
  index: Map<string, Set<string>>,
  id: string,
  before: readonly string[] = [],
  after: readonly string[] = [],
): void {
  if (before === after) return;
  for (const key of before) if (!after.includes(key)) drop(index, key, id);
  for (const key of after) if (!before.includes(key)) add(index, key, id);
}

function add(keys: Map<string, Set<string>>, key: string, id: string): void {
  const ids = keys.get(key);
  if (ids === undefined) keys.set(key, new Set([id]));
  else ids.add(id);
}

function drop(keys: Map<string, Set<string>>, key: string, id: string): void {
  const ids = keys.get(key);
  ids?.delete(id);
  if (ids?.size === 0) keys.delete(key);
}
