/** Which nodes have been heard of lately. Pure: times are passed in. */

/** Heartbeats that may be missed before a node counts as down. */
const MISSED_HEARTBEATS = 3;
/** The same of a node that is slow. */
const MOST_MISSED_HEARTBEATS = 9;
/** For how many heartbeats it is remembered that a node was slow. */
const SLOW_FOR_HEARTBEATS = 60;

interface Heard {
  readonly lastMs: number;
  /** The longest that the node has lately taken to be heard again. */
  readonly slowestMs: number;
  readonly slowestAtMs: number;
}

export class Liveness {
  readonly #periodMs: number;
  readonly #heard = new Map<string, Heard>();

  constructor(heartbeatPeriodMs: number) {
    this.#periodMs = heartbeatPeriodMs;
  }

  /**
   * The node begins to be listened to; or a manager has just begun to lead and gives it as long as if it had been heard, so
   * that agents find the new leader before anything of theirs is moved.
   */
  begins(nodeId: string, nowMs: number): void {
    this.#heard.set(nodeId, { lastMs: nowMs, slowestMs: 0, slowestAtMs: nowMs });
  }

  /** The node has said something, in a session of which `begins` was told. */
  heard(nodeId: string, nowMs: number): void {
    const before = this.#heard.get(nodeId);
    if (before === undefined) {
      this.begins(nodeId, nowMs);
      return;
    }
    const gapMs = nowMs - before.lastMs;
    const isForgotten = nowMs - before.slowestAtMs > this.#periodMs * SLOW_FOR_HEARTBEATS;
    const slowest = gapMs >= before.slowestMs || isForgotten ? { slowestMs: gapMs, slowestAtMs: nowMs } : before;
    this.#heard.set(nodeId, { ...before, ...slowest, lastMs: nowMs });
  }

  /**
   * The manager itself has listened to nobody for so long: its host was suspended, say, or the clock was set. That is
   * no node's silence.
   */
  missed(ms: number): void {
    for (const [nodeId, heard] of this.#heard) this.#heard.set(nodeId, { ...heard, lastMs: heard.lastMs + ms });
  }

  /** The node has gone, and said so. */
  forget(nodeId: string): void {
    this.#heard.delete(nodeId);
  }

  /** Whether the node was heard of, and hasn't been found silent since. */
  isAwaited(nodeId: string): boolean {
    return this.#heard.has(nodeId);
  }

  /** Forgets and returns the nodes that have been silent for too long. */
  takeSilent(nowMs: number): string[] {
    const silent = [...this.#heard].filter(([, heard]) => this.#deadlineMs(heard) <= nowMs).map(([nodeId]) => nodeId);
    for (const nodeId of silent) this.#heard.delete(nodeId);
    return silent;
  }

  /** When the next node falls silent, should nothing be heard. */
  nextDeadlineMs(): number {
    return Math.min(...[...this.#heard.values()].map((heard) => this.#deadlineMs(heard)));
  }

  /** A host with too much to do is late again and again: it would be down and up by turns, and what it runs be moved. */
  #deadlineMs({ lastMs, slowestMs }: Heard): number {
    const [least, most] = [this.#periodMs * MISSED_HEARTBEATS, this.#periodMs * MOST_MISSED_HEARTBEATS];
    return lastMs + Math.min(Math.max(least, 2 * slowestMs), most);
  }
}
