/** The terms of one node's log, kept beside it from what the core hands out. */
export class LogTerms {
  /** Index and term of what comes before the first entry. */
  #base = { index: 0, term: 0 };
  #terms: number[] = [];

  get lastIndex(): number {
    return this.#base.index + this.#terms.length;
  }

  /** Undefined for what was compacted when this node last began anew, and for what doesn't exist. */
  termOf(index: number): number | undefined {
    return index === this.#base.index ? this.#base.term : this.#terms[index - this.#base.index - 1];
  }

  /** Whether the log has the entry, or a snapshot that replaces it. */
  has(index: number, term: number): boolean {
    return index < this.#base.index || this.termOf(index) === term;
  }

  /** Cuts off what was there from the index on. */
  put(index: number, term: number): void {
    this.#terms.length = Math.max(index - this.#base.index - 1, 0);
    this.#terms.push(term);
  }

  restart(index: number, term: number): void {
    this.#base = { index, term };
    this.#terms = [];
  }
}
