/**
 * Chooses nodes for tasks of one service and version, one after another, or says why there is none. All nodes are looked
 * at once; after that a task costs the logarithm of their number, since only the node that got the last one has changed.
 */
import { Branches } from './branches.ts';
import { FILTERS, type Wanted } from './filters.ts';
import { Heap } from './heap.ts';
import type { NodeInfo } from './node-info.ts';
import { byFailures, byStrategy, type Ranking } from './ranking.ts';

export type Choice = { readonly info: NodeInfo } | { readonly reason: string };

/** Nodes that would do. */
interface Pool {
  take(): NodeInfo | undefined;
  /** Of the node that was taken last: a task may have been put there. */
  count(info: NodeInfo): void;
  giveBack(info: NodeInfo): void;
}

export class NodeChooser {
  readonly #wanted: Wanted;
  readonly #pool: Pool;
  /** Why the other nodes don't do, and how many. */
  readonly #reasons = new Map<string, number>();
  #last: NodeInfo | undefined;

  /** `nodes`: all of the cluster. Valid as long as nothing changes on them but what the tasks placed here bring. */
  constructor(wanted: Wanted, candidates: Iterable<NodeInfo>, nodes: Iterable<NodeInfo>, nowMs: number) {
    this.#wanted = wanted;
    const suitable = [...candidates].filter((info) => this.#suits(info));
    const failures = byFailures(wanted.task, nowMs);
    const strategy = byStrategy(wanted);
    this.#pool =
      wanted.rules.spread.length > 0
        ? new SpreadPool(wanted, suitable, nodes, failures, strategy)
        : heapPool(suitable, (a, b) => failures(a, b) || strategy(a, b));
  }

  /** The next task's. By then the one before is counted on its node, if it was put there. */
  next(): Choice {
    if (this.#last !== undefined) {
      this.#pool.count(this.#last);
      if (this.#suits(this.#last)) this.#pool.giveBack(this.#last);
    }
    this.#last = this.#pool.take();
    return this.#last === undefined ? { reason: explain(this.#reasons) } : { info: this.#last };
  }

  /** Counts the reason when it doesn't. */
  #suits(info: NodeInfo): boolean {
    for (const filter of FILTERS) {
      const reason = filter(this.#wanted, info);
      if (reason === undefined) continue;
      this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
      return false;
    }
    return true;
  }
}

function heapPool(nodes: readonly NodeInfo[], compare: Ranking): Pool {
  const heap = new Heap(nodes, compare);
  return { take: () => heap.pop(), count: () => undefined, giveBack: (info) => heap.push(info) };
}

/** A task on one node changes the place of all in the same branch: they are compared anew for each. */
class SpreadPool implements Pool {
  readonly #serviceId: string;
  readonly #nodes: Set<NodeInfo>;
  readonly #branches: Branches;
  readonly #compare: Ranking;
  #counted = 0;

  constructor(
    { task, rules }: Wanted,
    suitable: readonly NodeInfo[],
    nodes: Iterable<NodeInfo>,
    failures: Ranking,
    strategy: Ranking,
  ) {
    this.#serviceId = task.serviceId;
    this.#nodes = new Set(suitable);
    this.#branches = new Branches(task.serviceId, rules.spread, nodes);
    this.#compare = (a, b) => failures(a, b) || this.#branches.compare(a, b) || strategy(a, b);
  }

  take(): NodeInfo | undefined {
    let best: NodeInfo | undefined;
    for (const info of this.#nodes) if (best === undefined || this.#compare(info, best) < 0) best = info;
    if (best === undefined) return undefined;
    this.#counted = best.tasksOfService(this.#serviceId);
    this.#nodes.delete(best);
    return best;
  }

  count(info: NodeInfo): void {
    this.#branches.add(info, info.tasksOfService(this.#serviceId) - this.#counted);
  }

  giveBack(info: NodeInfo): void {
    this.#nodes.add(info);
  }
}

function explain(reasons: ReadonlyMap<string, number>): string {
  if (reasons.size === 0) return 'no suitable node (the cluster has none)';
  const counts = [...reasons].sort(([, a], [, b]) => b - a);
  return `no suitable node (${counts.map(([reason, count]) => `${count} ${count === 1 ? 'node' : 'nodes'}: ${reason}`).join('; ')})`;
}
