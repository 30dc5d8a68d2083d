/** Which nodes have been heard of lately. Pure: times are passed in. */

/** Heartbeats that may be missed before a node counts as down. */
const MISSED_HEARTBEATS = 3;

export class Liveness {
  readonly #silenceMs: number;
  readonly #heard = new Map<string, number>();

  constructor(heartbeatPeriodMs: number) {
    this.#silenceMs = heartbeatPeriodMs * MISSED_HEARTBEATS;
  }

  /**
   * The node has said something; or a manager has just begun to lead and gives it as long as if it had, so that
   * agents find the new leader before anything of theirs is moved.
   */
  heard(nodeId: string, nowMs: number): void {
    this.#heard.set(nodeId, nowMs);
  }

  /**
   * The manager itself has listened to nobody for so long: its host was suspended, say, or the clock was set. That is
   * no node's silence.
   */
  missed(ms: number): void {
    for (const [nodeId, lastMs] of this.#heard) this.#heard.set(nodeId, lastMs + ms);
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
    const silent = [...this.#heard].filter(([, lastMs]) => nowMs - lastMs >= this.#silenceMs).map(([nodeId]) => nodeId);
    for (const nodeId of silent) this.#heard.delete(nodeId);
    return silent;
  }

  /** When the next node falls silent, should nothing be heard. */
  nextDeadlineMs(): number {
    return Math.min(...this.#heard.values()) + this.#silenceMs;
  }
}
