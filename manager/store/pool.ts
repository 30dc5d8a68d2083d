/** Keeps one of each of equal values, so that many objects can share it; a bounded number, the least used ones go. */

/** What an entry costs beside its key, in about as many bytes. */
const ENTRY_WEIGHT = 64;

/** Bounds the keys of a generation, in characters. */
const MAX_WEIGHT = 8 * 1024 * 1024;

/** Two generations: what isn't asked for while the younger one fills up is forgotten. */
export class Pool<Value> {
  readonly #maxWeight: number;
  #younger = new Map<string, Value>();
  #older = new Map<string, Value>();
  #weight = 0;

  constructor(maxWeight = MAX_WEIGHT) {
    this.#maxWeight = maxWeight;
  }

  get(key: string): Value | undefined {
    const younger = this.#younger.get(key);
    if (younger !== undefined) return younger;
    const older = this.#older.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, value: Value): void {
    this.#younger.set(key, value);
    this.#weight += key.length + ENTRY_WEIGHT;
    if (this.#weight < this.#maxWeight) return;
    this.#older = this.#younger;
    this.#younger = new Map();
    this.#weight = 0;
  }
}
