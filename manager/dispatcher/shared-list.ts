/**
 * What nodes are told of each other, for all sessions at once. On a network of a thousand nodes each is told of all others:
 * to remember that by pair of nodes would take a million items, so a session remembers no more than how far it was told.
 */
import type { AssignmentChange } from '../../proto/generated/gantry/v1/dispatcher.ts';

/** A session's side: it is known by identity, so that of a node that comes anew the old one is another. */
export interface Reader {
  readonly nodeId: string;
}

export interface ItemType<Item> {
  isSame(a: Item, b: Item): boolean;
  /** The node that an item is of: that one isn't told of it. */
  ownerOf(key: string): string;
  /** What to say of it; undefined: that it isn't there any more. */
  change(key: string, item: Item | undefined): AssignmentChange;
}

const COMPACT_AT_LEAST = 64;

export class SharedList<Item> {
  readonly #type: ItemType<Item>;
  readonly #items: Map<string, Item>;
  /** Keys of what came, went or became another, the latest last. */
  #changed: string[] = [];
  /** How many changes came before the first of `#changed`. */
  #forgotten = 0;
  #compactAt = COMPACT_AT_LEAST;
  /** Of how many changes each has been told. */
  readonly #readers = new Map<Reader, number>();

  constructor(items: ReadonlyMap<string, Item>, type: ItemType<Item>) {
    this.#items = new Map(items);
    this.#type = type;
  }

  get isUnread(): boolean {
    return this.#readers.size === 0;
  }

  get isEmpty(): boolean {
    return this.#items.size === 0;
  }

  keys(): string[] {
    return [...this.#items.keys()];
  }

  become(items: ReadonlyMap<string, Item>): void {
    for (const key of [...this.#items.keys()]) if (!items.has(key)) this.set(key, undefined);
    for (const [key, item] of items) this.set(key, item);
  }

  /** Undefined: it isn't there any more. Returns whether that is another than before. */
  set(key: string, item: Item | undefined): boolean {
    const before = this.#items.get(key);
    if (item === undefined ? before === undefined : before !== undefined && this.#type.isSame(before, item))
      return false;
    if (item === undefined) this.#items.delete(key);
    else this.#items.set(key, item);
    this.#changed.push(key);
    if (this.#changed.length >= this.#compactAt) this.#compact();
    return true;
  }

  /** What the reader hasn't been told yet. From here on it counts as told. */
  take(reader: Reader): AssignmentChange[] {
    const told = this.#readers.get(reader);
    this.#readers.set(reader, this.#forgotten + this.#changed.length);
    const news = told === undefined ? this.#items.keys() : this.#changedSince(told);
    return this.#others(news, reader).map((key) => this.#type.change(key, this.#items.get(key)));
  }

  /** All that it was told goes. */
  leave(reader: Reader): AssignmentChange[] {
    const told = this.#readers.get(reader);
    if (!this.#readers.delete(reader) || told === undefined) return [];
    const known = new Set([...this.#items.keys(), ...this.#changedSince(told)]);
    return this.#others(known, reader).map((key) => this.#type.change(key, undefined));
  }

  #others(keys: Iterable<string>, reader: Reader): string[] {
    return [...keys].filter((key) => this.#type.ownerOf(key) !== reader.nodeId);
  }

  #changedSince(told: number): Set<string> {
    return new Set(this.#changed.slice(told - this.#forgotten));
  }

  /** Forgets what all have been told. What one that is slow keeps is looked at again only when there is twice as much. */
  #compact(): void {
    const told = Math.min(this.#forgotten + this.#changed.length, ...this.#readers.values());
    this.#changed = this.#changed.slice(told - this.#forgotten);
    this.#forgotten = told;
    this.#compactAt = Math.max(COMPACT_AT_LEAST, 2 * this.#changed.length);
  }
}
