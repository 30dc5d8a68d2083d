/**
 * How many tasks of a service are in each branch of what it is spread over: on nodes with the same values of the first
 * label, of the first two, and so on. Nodes without a value are a branch of their own.
 */
import type { NodeAttribute } from '../../proto/constraint.ts';
import { attributeOf } from '../../proto/node-match.ts';
import type { NodeInfo } from './node-info.ts';

export class Branch {
  readonly #parent: Branch | undefined;
  readonly #children = new Map<string, Branch>();
  #tasks = 0;

  constructor(parent?: Branch) {
    this.#parent = parent;
  }

  child(value: string): Branch {
    const known = this.#children.get(value);
    if (known !== undefined) return known;
    const child = new Branch(this);
    this.#children.set(value, child);
    return child;
  }

  /** Here and in all that it is part of. */
  add(tasks: number): void {
    this.#tasks += tasks;
    this.#parent?.add(tasks);
  }

  /** Of two of the same depth. Negative: this one has fewer tasks, on the first level where they differ. */
  compare(other: Branch): number {
    if (this === other || this.#parent === undefined || other.#parent === undefined) return 0;
    return this.#parent.compare(other.#parent) || this.#tasks - other.#tasks;
  }
}

/** The branch of each node. `nodes`: all of the cluster, also those that can't take a task: what they run counts. */
export function branchesOf(
  serviceId: string,
  levels: readonly NodeAttribute[],
  nodes: Iterable<NodeInfo>,
): ReadonlyMap<NodeInfo, Branch> {
  const root = new Branch();
  const branches = new Map<NodeInfo, Branch>();
  for (const info of nodes) {
    const branch = levels.reduce((parent, level) => parent.child(attributeOf(info.node, level)), root);
    const tasks = info.tasksOfService(serviceId);
    if (tasks > 0) branch.add(tasks);
    branches.set(info, branch);
  }
  return branches;
}
