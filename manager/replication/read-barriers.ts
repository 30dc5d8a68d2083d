/**
 * Linearizable reads: the leader is asked for its commit index and confirms with a majority that it still leads
 * (ReadIndex, section 6.4 of the thesis); then the reader waits until that much is applied here. Readers that come while
 * one question is under way share the next.
 */
import type { GantryError } from '../../proto/errors.ts';

interface Reader {
  readonly resolve: () => void;
  readonly reject: (error: GantryError) => void;
}

interface Round {
  readonly context: string;
  readonly readers: readonly Reader[];
  /** Ticks since it was asked first, and since it was asked last. */
  age: number;
  sinceAsked: number;
}

/** A question or its answer may get lost: it is asked again after so many ticks, */
const ASK_AGAIN_TICKS = 5;
/** and after so many there is nobody to answer it. */
const GIVE_UP_TICKS = 50;

export interface ReadBarriersOptions {
  /** Unlike that of any other manager and of any earlier start. */
  readonly prefix: string;
  readonly ask: (context: string) => void;
  /** Why nobody answers. */
  readonly explain: () => GantryError;
}

export class ReadBarriers {
  readonly #options: ReadBarriersOptions;
  #next: Reader[] = [];
  #round: Round | undefined;
  /** Answered, and waiting until this index is applied. */
  #answered: { readonly index: number; readonly readers: readonly Reader[] }[] = [];
  #rounds = 0;
  #applied = 0;

  constructor(options: ReadBarriersOptions) {
    this.#options = options;
  }

  add(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#next.push({ resolve, reject });
      // Together with all that come in the same turn.
      if (this.#next.length === 1 && this.#round === undefined) queueMicrotask(() => this.#begin());
    });
  }

  tick(): void {
    const round = this.#round;
    if (round === undefined) return;
    round.age += 1;
    round.sinceAsked += 1;
    if (round.age >= GIVE_UP_TICKS) {
      this.#round = undefined;
      const error = this.#options.explain();
      for (const { reject } of round.readers) reject(error);
      this.#begin();
    } else if (round.sinceAsked >= ASK_AGAIN_TICKS) {
      round.sinceAsked = 0;
      this.#options.ask(round.context);
    }
  }

  answered(context: string, index: number): void {
    const round = this.#round;
    if (round?.context !== context) return;
    this.#round = undefined;
    this.#answered.push({ index, readers: round.readers });
    this.applied(this.#applied);
    this.#begin();
  }

  applied(index: number): void {
    this.#applied = index;
    const [due, later] = [
      this.#answered.filter((answer) => answer.index <= index),
      this.#answered.filter((answer) => answer.index > index),
    ];
    this.#answered = later;
    for (const { readers } of due) for (const { resolve } of readers) resolve();
  }

  rejectAll(error: GantryError): void {
    const readers = [
      ...this.#next,
      ...(this.#round?.readers ?? []),
      ...this.#answered.flatMap((answer) => answer.readers),
    ];
    this.#next = [];
    this.#round = undefined;
    this.#answered = [];
    for (const { reject } of readers) reject(error);
  }

  #begin(): void {
    if (this.#next.length === 0 || this.#round !== undefined) return;
    this.#rounds += 1;
    const context = `${this.#options.prefix}-${this.#rounds}`;
    this.#round = { context, readers: this.#next, age: 0, sinceAsked: 0 };
    this.#next = [];
    this.#options.ask(context);
  }
}
