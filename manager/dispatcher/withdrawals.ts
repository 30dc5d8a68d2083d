/**
 * Tasks that are to stop but may still be sent to: each goes on running until every node has acknowledged that it sends
 * nothing there any more. Pure: times are passed in.
 */

/**
 * A node that answers but can't apply what it is told, for want of a kernel module, say, must not keep the others from being
 * updated for ever.
 */
const LONGEST_MS = 30_000;

/** The task was taken out of its service's endpoints. */
export interface Withdrawal {
  readonly taskId: string;
  /** Where it runs. */
  readonly nodeId: string;
  /** Of the endpoints, from which on it isn't in them. */
  readonly revision: number;
  readonly sinceMs: number;
}

export interface OverdueWithdrawal extends Withdrawal {
  /** Nodes that have acknowledged nothing. */
  readonly silent: readonly string[];
}

export class Withdrawals {
  readonly #byTask = new Map<string, { readonly withdrawal: Withdrawal; readonly waitsFor: Set<string> }>();

  /** Until it is released, the task is held. `nodes`: those that may still send to it. One that has begun goes on as it is. */
  begin(withdrawal: Withdrawal, nodes: Iterable<string>): void {
    if (this.#byTask.has(withdrawal.taskId)) return;
    const waitsFor = new Set(nodes);
    if (waitsFor.size > 0) this.#byTask.set(withdrawal.taskId, { withdrawal, waitsFor });
  }

  /** The task must not be told to stop yet. */
  isHeld(taskId: string): boolean {
    return this.#byTask.has(taskId);
  }

  /** The task has ended anyway. */
  forget(taskId: string): void {
    this.#byTask.delete(taskId);
  }

  /** The node acts by this revision, or a later one, from now on. Returns what is released by that. */
  applied(nodeId: string, revision: number): Withdrawal[] {
    return this.#release(nodeId, (withdrawal) => withdrawal.revision <= revision);
  }

  /** The node can't be waited for. Returns what is released by that. */
  gone(nodeId: string): Withdrawal[] {
    return this.#release(nodeId, () => true);
  }

  /** Releases and returns those that have been waited for too long. */
  takeOverdue(nowMs: number): OverdueWithdrawal[] {
    const overdue: OverdueWithdrawal[] = [];
    for (const { withdrawal, waitsFor } of this.#byTask.values()) {
      if (nowMs - withdrawal.sinceMs >= LONGEST_MS) overdue.push({ ...withdrawal, silent: [...waitsFor].sort() });
    }
    for (const { taskId } of overdue) this.#byTask.delete(taskId);
    return overdue;
  }

  #release(nodeId: string, isDone: (withdrawal: Withdrawal) => boolean): Withdrawal[] {
    const released: Withdrawal[] = [];
    for (const { withdrawal, waitsFor } of this.#byTask.values()) {
      if (!isDone(withdrawal) || !waitsFor.delete(nodeId) || waitsFor.size > 0) continue;
      this.#byTask.delete(withdrawal.taskId);
      released.push(withdrawal);
    }
    return released;
  }
}
