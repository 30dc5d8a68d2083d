/** Tasks that have no node yet, and which of them are to be looked at next. */
export class PendingTasks {
  readonly #all = new Set<string>();
  /** Something has changed for them since they were looked at. */
  readonly #due = new Set<string>();
  readonly #notBefore = new Map<string, number>();
  #roomForAll: boolean = false;

  add(taskId: string): void {
    this.#all.add(taskId);
    this.#due.add(taskId);
    this.#notBefore.delete(taskId);
  }

  delete(taskId: string): void {
    this.#all.delete(taskId);
    this.#due.delete(taskId);
    this.#notBefore.delete(taskId);
  }

  /** What kept any of them from being placed may be gone. */
  lookAgain(): void {
    this.#roomForAll = true;
  }

  /** Some of those to be looked at, in turn. They stay due until `seen`, or until they have a node. */
  due(count: number, nowMs: number): string[] {
    if (this.#roomForAll) for (const id of this.#all) this.#due.add(id);
    this.#roomForAll = false;
    for (const [id, timeMs] of this.#notBefore) if (timeMs <= nowMs) this.#due.add(id);
    return [...this.#due.values().take(count)];
  }

  /** Nothing is to be done for it before something changes, or before this time. */
  seen(taskId: string, notBeforeMs?: number): void {
    this.#due.delete(taskId);
    if (notBeforeMs === undefined) this.#notBefore.delete(taskId);
    else this.#notBefore.set(taskId, notBeforeMs);
  }

  /** When to look at the next one; undefined: not before something changes. */
  nextMs(nowMs: number): number | undefined {
    if (this.#due.size > 0) return nowMs;
    const next = this.#notBefore.values().reduce((first, timeMs) => Math.min(first, timeMs), Number.POSITIVE_INFINITY);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }
}
