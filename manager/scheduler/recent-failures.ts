/** When tasks of a service's version have failed on one node. Forgotten with a change of leader: a new one starts afresh. */

/** How long a failure counts, as in Swarm. */
const WINDOW_MS = 5 * 60_000;
/** More are as bad as this many. */
const MOST_KEPT = 20;

export class RecentFailures {
  /** By service and version, oldest first. */
  readonly #times = new Map<string, number[]>();

  add(serviceId: string, specVersion: number, timeMs: number): void {
    for (const [key, times] of this.#times) if ((times.at(-1) ?? 0) <= timeMs - WINDOW_MS) this.#times.delete(key);
    const key = keyOf(serviceId, specVersion);
    this.#times.set(key, [...(this.#times.get(key) ?? []), timeMs].slice(-MOST_KEPT));
  }

  count(serviceId: string, specVersion: number, nowMs: number): number {
    if (this.#times.size === 0) return 0;
    return (this.#times.get(keyOf(serviceId, specVersion)) ?? []).filter((timeMs) => timeMs > nowMs - WINDOW_MS).length;
  }
}

function keyOf(serviceId: string, specVersion: number): string {
  return `${serviceId} ${specVersion}`;
}
