/** Ids in order, for what begins with a prefix, and for snapshots that don't depend on who came first. */

/** Beyond this a run is halved: short enough that an insertion in its middle costs little. */
const LONGEST_RUN = 512;

/** Sorted by UTF-16 code units. Adding and deleting cost the logarithm of how many there are. */
export class SortedIds {
  /** None is empty; each is sorted, and comes before the next. */
  readonly #runs: string[][] = [];

  /** `id` isn't in there. */
  add(id: string): void {
    const at = Math.min(this.#runAt(id), Math.max(this.#runs.length - 1, 0));
    const run = this.#runs[at];
    if (run === undefined) {
      this.#runs.push([id]);
      return;
    }
    run.splice(lowerBound(run, id), 0, id);
    if (run.length > LONGEST_RUN) this.#runs.splice(at + 1, 0, run.splice(LONGEST_RUN / 2));
  }

  /** Idempotent. */
  delete(id: string): void {
    const at = this.#runAt(id);
    const run = this.#runs[at];
    if (run === undefined) return;
    const position = lowerBound(run, id);
    if (run[position] !== id) return;
    run.splice(position, 1);
    if (run.length === 0) this.#runs.splice(at, 1);
  }

  all(): string[] {
    return this.#runs.flat();
  }

  startingWith(prefix: string): string[] {
    const found: string[] = [];
    for (let at = this.#runAt(prefix); at < this.#runs.length; at += 1) {
      const run = this.#runs[at] ?? [];
      const begin = lowerBound(run, prefix);
      let end = begin;
      while (run[end]?.startsWith(prefix) === true) end += 1;
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
      if ((this.#runs[middle]?.at(-1) ?? '') < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Of the first that isn't less than `id`. */
function lowerBound(run: readonly string[], id: string): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((run[middle] ?? '') < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
