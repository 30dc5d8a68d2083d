/** Objects in the order of their ids, for what begins with a prefix, and for snapshots that don't depend on who came first. */

interface Identified {
  readonly id: string;
}

/** Beyond this a run is halved: short enough that an insertion in its middle costs little. */
const LONGEST_RUN = 512;

/** Sorted by the ids' UTF-16 code units. A change costs the logarithm of how many there are. */
export class SortedObjects<T extends Identified> {
  /** None is empty; each is sorted, and comes before the next. */
  readonly #runs: T[][] = [];

  /** In the place of the one of the same id, if there is one. */
  set(object: T): void {
    const at = Math.min(this.#runAt(object.id), Math.max(this.#runs.length - 1, 0));
    const run = this.#runs[at];
    if (run === undefined) {
      this.#runs.push([object]);
      return;
    }
    const position = lowerBound(run, object.id);
    if (run[position]?.id === object.id) run[position] = object;
    else run.splice(position, 0, object);
    if (run.length > LONGEST_RUN) this.#runs.splice(at + 1, 0, run.splice(LONGEST_RUN / 2));
  }

  /** Idempotent. */
  delete(id: string): void {
    const at = this.#runAt(id);
    const run = this.#runs[at];
    if (run === undefined) return;
    const position = lowerBound(run, id);
    if (run[position]?.id !== id) return;
    run.splice(position, 1);
    if (run.length === 0) this.#runs.splice(at, 1);
  }

  all(): T[] {
    return this.#runs.flat();
  }

  startingWith(prefix: string): T[] {
    const found: T[] = [];
    for (let at = this.#runAt(prefix); at < this.#runs.length; at += 1) {
      const run = this.#runs[at] ?? [];
      const begin = lowerBound(run, prefix);
      let end = begin;
      while (run[end]?.id.startsWith(prefix) === true) end += 1;
      found.push(...run.slice(begin, end));
      if (end < run.length) break;
    }
    return found;
  }

  /** Of the first run that ends at `id` or after it: where it is, if anywhere. */
  #runAt(id: string): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle]?.at(-1)?.id ?? '') < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Of the first that isn't less than `id`. */
function lowerBound(run: readonly Identified[], id: string): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((run[middle]?.id ?? '') < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
