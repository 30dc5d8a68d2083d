/**
 * Chooses nodes for tasks of one service and version, one after another, or says why there is none. All nodes are looked
 * at once; after that a task costs the logarithm of their number, since only the node that got the last one has changed.
 */
import { type Branch, branchesOf } from './branches.ts';
import { type Filter, filtersOf, type Wanted } from './filters.ts';
import { Heap } from './heap.ts';
import type { NodeInfo } from './node-info.ts';
import { byFailures, byStrategy, type RankedNode, type Ranking, rankNode } from './ranking.ts';

export type Choice = { readonly info: NodeInfo } | { readonly reason: string };

/** Nodes that would do. */
interface Pool {
  take(): RankedNode | undefined;
  /** So many tasks of the service have come to the node that was taken last. */
  count(info: NodeInfo, tasks: number): void;
  giveBack(node: RankedNode): void;
}

export class NodeChooser {
  readonly #wanted: Wanted;
  readonly #nowMs: number;
  readonly #filters: readonly Filter[];
  readonly #pool: Pool;
  /** Why the other nodes don't do, and how many. */
  readonly #reasons = new Map<string, number>();
  #last: RankedNode | undefined;

  /** `nodes`: all of the cluster. Valid as long as nothing changes on them but what the tasks placed here bring. */
  constructor(wanted: Wanted, candidates: Iterable<NodeInfo>, nodes: ReadonlyMap<string, NodeInfo>, nowMs: number) {
    this.#wanted = wanted;
    this.#nowMs = nowMs;
    this.#filters = filtersOf(wanted);
    const suitable: RankedNode[] = [];
    const { homes } = wanted;
    const away = homes === undefined ? 0 : nodes.size - homes.nodeIds.filter((id) => nodes.has(id)).length;
    if (homes !== undefined && away > 0) this.#reasons.set(homes.reason, away);
    for (const info of candidates) if (this.#suits(info)) suitable.push(rankNode(wanted, info, nowMs));
    const strategy = byStrategy(wanted.strategy);
    this.#pool =
      wanted.rules.spread.length > 0 && suitable.length > 1
        ? new SpreadPool(wanted, suitable, nodes.values(), strategy)
        : heapPool(suitable, (a, b) => byFailures(a, b) || strategy(a, b));
  }

  /** The next task's. By then the one before is counted on its node, if it was put there. */
  next(): Choice {
    if (this.#last !== undefined) this.#settle(this.#last);
    this.#last = this.#pool.take();
    return this.#last === undefined ? { reason: explain(this.#reasons) } : { info: this.#last.info };
  }

  #settle({ info, tasksOfService }: RankedNode): void {
    const ranked = rankNode(this.#wanted, info, this.#nowMs);
    this.#pool.count(info, ranked.tasksOfService - tasksOfService);
    if (this.#suits(info)) this.#pool.giveBack(ranked);
  }

  /** Counts the reason when it doesn't. */
  #suits(info: NodeInfo): boolean {
    for (const filter of this.#filters) {
      const reason = filter(info);
      if (reason === undefined) continue;
      this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
      return false;
    }
    return true;
  }
}

function heapPool(nodes: readonly RankedNode[], compare: Ranking): Pool {
  const heap = new Heap(nodes, compare);
  return { take: () => heap.pop(), count: () => undefined, giveBack: (node) => heap.push(node) };
}

/**
 * A task on one node changes the place of all in its branch. Among themselves the nodes of a branch keep their order, so
 * that only the best of each branch are compared anew.
 */
class SpreadPool implements Pool {
  readonly #branches: ReadonlyMap<NodeInfo, Branch>;
  readonly #heaps: ReadonlyMap<Branch | undefined, Heap<RankedNode>>;
  readonly #compare: Ranking;

  constructor({ task, rules }: Wanted, suitable: readonly RankedNode[], nodes: Iterable<NodeInfo>, strategy: Ranking) {
    this.#branches = branchesOf(task.serviceId, rules.spread, nodes);
    const groups = Map.groupBy(suitable, ({ info }) => this.#branches.get(info));
    const inBranch: Ranking = (a, b) => byFailures(a, b) || strategy(a, b);
    this.#heaps = new Map([...groups].map(([branch, members]) => [branch, new Heap(members, inBranch)]));
    this.#compare = (a, b) => byFailures(a, b) || this.#compareBranches(a, b) || strategy(a, b);
  }

  take(): RankedNode | undefined {
    let best: RankedNode | undefined;
    for (const heap of this.#heaps.values()) {
      const first = heap.peek();
      if (first !== undefined && (best === undefined || this.#compare(first, best) < 0)) best = first;
    }
    return best === undefined ? undefined : this.#heapOf(best)?.pop();
  }

  count(info: NodeInfo, tasks: number): void {
    this.#branches.get(info)?.add(tasks);
  }

  giveBack(node: RankedNode): void {
    this.#heapOf(node)?.push(node);
  }

  #heapOf({ info }: RankedNode): Heap<RankedNode> | undefined {
    return this.#heaps.get(this.#branches.get(info));
  }

  #compareBranches(a: RankedNode, b: RankedNode): number {
    const [ofA, ofB] = [this.#branches.get(a.info), this.#branches.get(b.info)];
    return ofA === undefined || ofB === undefined ? 0 : ofA.compare(ofB);
  }
}

function explain(reasons: ReadonlyMap<string, number>): string {
  if (reasons.size === 0) return 'no suitable node (the cluster has none)';
  const counts = [...reasons].sort(([, a], [, b]) => b - a);
  return `no suitable node (${counts.map(([reason, count]) => `${count} ${count === 1 ? 'node' : 'nodes'}: ${reason}`).join('; ')})`;
}
