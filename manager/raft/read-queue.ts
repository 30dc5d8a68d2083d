/**
 * A leader's reads that wait for a majority to confirm that it still leads (thesis, section 6.4), and its lease. Heartbeats
 * go out in numbered rounds; whoever answers a round answers all before it. A read is confirmed with the first round that
 * is sent after it came in.
 */
import type { PeerId } from './message.ts';

const ROUND_BYTES = 8;

/** The number of a round, as heartbeats carry it there and back. */
export function encodeRound(round: number): Uint8Array {
  const context = new Uint8Array(ROUND_BYTES);
  new DataView(context.buffer).setFloat64(0, round);
  return context;
}

/** 0, which is before the first round, for what isn't one. */
export function decodeRound(context: Uint8Array): number {
  if (context.byteLength !== ROUND_BYTES) return 0;
  return new DataView(context.buffer, context.byteOffset, context.byteLength).getFloat64(0);
}

export interface Read {
  /** Who asks: this node itself, or another that waits for an answer. */
  readonly from: PeerId;
  readonly context: Uint8Array;
}

interface PendingRead {
  readonly read: Read;
  /** What was committed when it came in. */
  readonly index: number;
  readonly round: number;
}

export class ReadQueue {
  #round = 0;
  /** Rounds that are sent as late as now, by the tick in which they were: the last one of each tick. */
  #sent: { readonly round: number; readonly tick: number }[] = [];
  readonly #answered = new Map<PeerId, number>();
  #pending: PendingRead[] = [];
  /** Asked before this leader had committed anything of its own term. */
  #early: Read[] = [];
  /** Tick in which the latest round was sent that a majority has answered. */
  #confirmedTick: number | undefined;
  #leaseGivenUp: boolean = false;

  /** Of the last round. */
  get round(): number {
    return this.#round;
  }

  get answered(): ReadonlyMap<PeerId, number> {
    return this.#answered;
  }

  nextRound(tick: number): number {
    this.#round += 1;
    if (this.#sent.at(-1)?.tick === tick) this.#sent.pop();
    this.#sent.push({ round: this.#round, tick });
    return this.#round;
  }

  /** The read is confirmed with round `round`. */
  add(read: Read, index: number, round: number): void {
    this.#pending.push({ read, index, round });
  }

  postpone(read: Read): void {
    this.#early.push(read);
  }

  takePostponed(): readonly Read[] {
    return this.#early.splice(0);
  }

  answer(from: PeerId, round: number): void {
    this.#answered.set(from, Math.max(round, this.#answered.get(from) ?? 0));
  }

  /** A majority has answered `round`: the reads that may be answered now, in the order in which they came. */
  confirm(round: number): readonly { readonly read: Read; readonly index: number }[] {
    while (this.#sent.length > 0) {
      const [first] = this.#sent;
      if (first === undefined || first.round > round) break;
      this.#confirmedTick = first.tick;
      this.#sent.shift();
    }
    const [first] = this.#pending;
    if (first === undefined || first.round > round) return [];
    const open = this.#pending.findIndex((pending) => pending.round > round);
    return this.#pending.splice(0, open < 0 ? this.#pending.length : open);
  }

  /** Whether a majority has promised to elect nobody else for so many ticks after what it has answered was sent. */
  hasLease(tick: number, ticks: number): boolean {
    return !this.#leaseGivenUp && this.#confirmedTick !== undefined && tick - this.#confirmedTick < ticks;
  }

  /** From now on somebody may be elected in spite of the promise. */
  giveUpLease(): void {
    this.#leaseGivenUp = true;
  }
}
