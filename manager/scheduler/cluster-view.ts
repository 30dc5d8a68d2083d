/**
 * The scheduler's picture of the cluster, kept up to date with events, so that placing a task costs the same
 * however many tasks there are.
 */
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { isWanted, type TaskObject } from '../store/task.ts';
import type { StoreEvent } from '../store/watch.ts';
import { NodeInfo } from './node-info.ts';

export class ClusterView {
  readonly nodes = new Map<string, NodeInfo>();
  /** Ids of tasks that have no node yet. */
  readonly pending = new Set<string>();
  /** The node that each task is counted on. */
  readonly #homes = new Map<string, string>();

  constructor(read: ReadTransaction) {
    for (const node of read.find('node', { by: 'all' })) this.nodes.set(node.id, new NodeInfo(node));
    for (const task of read.find('task', { by: 'all' })) this.setTask(task);
  }

  apply(event: StoreEvent, read: ReadTransaction): void {
    if (event.kind === 'node') this.#applyNode(event, read);
    else if (event.kind === 'task' && event.change === 'remove') this.#forget(event.object);
    else if (event.kind === 'task') this.setTask(event.object);
  }

  setTask(task: TaskObject): void {
    if (task.status.state < TaskState.ASSIGNED) {
      if (isWanted(task)) this.pending.add(task.id);
      else this.pending.delete(task.id);
      return;
    }
    this.pending.delete(task.id);
    this.place(task);
  }

  /** Counts the task on its node; on any other no more. */
  place(task: TaskObject): void {
    this.release(task.id);
    this.nodes.get(task.nodeId)?.set(task);
    this.#homes.set(task.id, task.nodeId);
  }

  /** Takes back a `place`: of a transaction that failed, or of a task that has gone. */
  release(taskId: string): void {
    const nodeId = this.#homes.get(taskId);
    if (nodeId === undefined) return;
    this.#homes.delete(taskId);
    this.nodes.get(nodeId)?.delete(taskId);
  }

  #applyNode(event: StoreEvent & { kind: 'node' }, read: ReadTransaction): void {
    const { object: node, change } = event;
    const known = this.nodes.get(node.id);
    if (change === 'remove') this.nodes.delete(node.id);
    else if (known !== undefined) known.node = node;
    else {
      const info = new NodeInfo(node);
      for (const task of read.find('task', { by: 'node', value: node.id })) {
        if (task.status.state >= TaskState.ASSIGNED) info.set(task);
      }
      this.nodes.set(node.id, info);
    }
  }

  #forget(task: TaskObject): void {
    this.pending.delete(task.id);
    this.release(task.id);
  }
}
