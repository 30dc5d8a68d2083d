/** Objects of one kind, by id, by name and by index. */
import type { Stored } from './object-type.ts';

export interface TableShape<T> {
  nameOf(object: T): string | undefined;
  readonly indexes: Readonly<Record<string, (object: T) => readonly string[]>>;
}

export class Table<T extends Stored> {
  readonly #shape: TableShape<T>;
  readonly #objects = new Map<string, T>();
  readonly #names = new Map<string, Set<string>>();
  readonly #indexes: ReadonlyMap<string, Map<string, Set<string>>>;

  constructor(shape: TableShape<T>) {
    this.#shape = shape;
    this.#indexes = new Map(Object.keys(shape.indexes).map((name) => [name, new Map<string, Set<string>>()]));
  }

  get(id: string): T | undefined {
    return this.#objects.get(id);
  }

  all(): T[] {
    return [...this.#objects.values()];
  }

  byName(name: string): T[] {
    return this.#resolve(this.#names.get(name));
  }

  byIdPrefix(prefix: string): T[] {
    const exact = this.#objects.get(prefix);
    if (exact !== undefined) return [exact];
    return this.all().filter((object) => object.id.startsWith(prefix));
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
    const previous = this.delete(object.id);
    this.#objects.set(object.id, object);
    const name = this.#shape.nameOf(object);
    if (name !== undefined) add(this.#names, name, object.id);
    for (const [index, keys] of this.#indexes) {
      for (const key of this.#shape.indexes[index]?.(object) ?? []) add(keys, key, object.id);
    }
    return previous;
  }

  delete(id: string): T | undefined {
    const object = this.#objects.get(id);
    if (object === undefined) return undefined;
    this.#objects.delete(id);
    const name = this.#shape.nameOf(object);
    if (name !== undefined) drop(this.#names, name, id);
    for (const [index, keys] of this.#indexes) {
      for (const key of this.#shape.indexes[index]?.(object) ?? []) drop(keys, key, id);
    }
    return object;
  }

  #resolve(ids: ReadonlySet<string> | undefined): T[] {
    const found: T[] = [];
    for (const id of ids ?? []) {
      const object = this.#objects.get(id);
      if (object !== undefined) found.push(object);
    }
    return found;
  }
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
