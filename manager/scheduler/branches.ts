/**
 * How many tasks of a service are in each branch of what it is spread over: on nodes with the same values of the first
 * label, of the first two, and so on. Nodes without a value are a branch of their own.
 */
import type { NodeAttribute } from '../../proto/constraint.ts';
import { attributeOf } from '../placement/rules.ts';
import type { NodeInfo } from './node-info.ts';

interface Branch {
  tasks: number;
}

export class Branches {
  /** Of each node, one per level. */
  readonly #ofNode = new Map<NodeInfo, readonly Branch[]>();

  /** `nodes`: all of the cluster, also those that can't take a task: what they run counts. */
  constructor(serviceId: string, levels: readonly NodeAttribute[], nodes: Iterable<NodeInfo>) {
    const known = new Map<string, Branch>();
    for (const info of nodes) {
      const values = levels.map((level) => attributeOf(info.node, level));
      const branches = values.map((_, depth) => {
        const key = JSON.stringify(values.slice(0, depth + 1));
        const branch = known.get(key) ?? { tasks: 0 };
        known.set(key, branch);
        return branch;
      });
      this.#ofNode.set(info, branches);
      this.add(info, info.tasksOfService(serviceId));
    }
  }

  add(info: NodeInfo, tasks: number): void {
    for (const branch of this.#ofNode.get(info) ?? []) branch.tasks += tasks;
  }

  /** Negative: the first node is in a branch with fewer tasks, on the first level where they differ. */
  compare(a: NodeInfo, b: NodeInfo): number {
    const [ofA = [], ofB = []] = [this.#ofNode.get(a), this.#ofNode.get(b)];
    for (let level = 0; level < ofA.length; level += 1) {
      const difference = (ofA[level]?.tasks ?? 0) - (ofB[level]?.tasks ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}
