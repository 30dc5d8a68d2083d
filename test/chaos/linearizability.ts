/**
 * Whether a register behaved as one: whether its operations can be put in an order that fits both their values and the
 * times at which they began and ended (Wing and Gong, 1993, with Lowe's memory of states that led nowhere).
 */

export interface Operation {
  readonly kind: 'write' | 'read';
  /** What was written, or what was read; undefined: nothing had been written yet. */
  readonly value: string | undefined;
  readonly invokedMs: number;
  /** Undefined: nobody knows how it ended. Such a write may have happened at any time later, or never; such a read says nothing. */
  readonly returnedMs: number | undefined;
}

/** The history of one register that begins empty. No value is written twice. */
export function isLinearizable(history: readonly Operation[]): boolean {
  const seen = new Set(history.filter(({ kind }) => kind === 'read').map(({ value }) => value));
  const operations = history
    // A write of unknown end that nobody has seen may as well never have happened: each that is left out halves the search.
    .filter(({ kind, value, returnedMs }) => returnedMs !== undefined || (kind === 'write' && seen.has(value)))
    .map((operation) => ({ ...operation, returnedMs: operation.returnedMs ?? Number.POSITIVE_INFINITY }))
    .sort((one, other) => one.invokedMs - other.invokedMs);
  return new Search(operations).succeeds();
}

interface Timed extends Operation {
  readonly returnedMs: number;
}

interface State {
  /** Operations that have been put in order, by their place. */
  readonly done: bigint;
  readonly value: string | undefined;
}

class Search {
  readonly #operations: readonly Timed[];
  readonly #deadEnds = new Set<string>();
  /** All whose end is known: the others may be left out. */
  readonly #required: bigint;

  constructor(operations: readonly Timed[]) {
    this.#operations = operations;
    this.#required = operations.reduce(
      (bits, { returnedMs }, place) => (returnedMs === Number.POSITIVE_INFINITY ? bits : bits | (1n << BigInt(place))),
      0n,
    );
  }

  /** Depth first, with a stack of its own: histories are longer than call stacks. */
  succeeds(): boolean {
    const stack: State[] = [{ done: 0n, value: undefined }];
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      if ((state.done & this.#required) === this.#required) return true;
      const key = `${state.done.toString(36)} ${state.value ?? ''}`;
      if (this.#deadEnds.has(key)) continue;
      this.#deadEnds.add(key);
      stack.push(...this.#next(state));
    }
    return false;
  }

  /** What may come next: whatever began before the first end of those that are still to come. */
  #next({ done, value }: State): State[] {
    const open = this.#operations
      .map((operation, place) => ({ operation, bit: 1n << BigInt(place) }))
      .filter(({ bit }) => (done & bit) === 0n);
    const firstEnd = Math.min(...open.map(({ operation }) => operation.returnedMs));
    const enabled = open.filter(({ operation }) => operation.invokedMs <= firstEnd);
    // A read that fits may always come now: it changes nothing, and whatever could follow still can.
    const read = enabled.find(({ operation }) => operation.kind === 'read' && operation.value === value);
    if (read !== undefined) return [{ done: done | read.bit, value }];
    return enabled
      .filter(({ operation }) => operation.kind === 'write')
      .map(({ operation, bit }) => ({ done: done | bit, value: operation.value }));
  }
}
