/**
 * The scheduler's picture of the cluster, kept up to date with events, so that placing a task costs the same
 * however many tasks there are.
 */
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { isWanted, type TaskObject } from '../store/task.ts';
import type { StoreEvent } from '../store/watch.ts';
import { NodeInfo } from './node-info.ts';
import { PendingTasks } from './pending-tasks.ts';

export class ClusterView {
  readonly nodes = new Map<string, NodeInfo>();
  readonly queue = new PendingTasks();
  /** The node that each task is counted on. */
  readonly #homes = new Map<string, string>();
  /** Of the state that the view begins with: what isn't in it yet, and what has changed since. */
  #unloaded: TaskObject[];
  readonly #changed = new Set<string>();

  /** Knows the nodes; the tasks come with `load`. */
  constructor(read: ReadTransaction) {
    for (const node of read.find('node', { by: 'all' })) this.nodes.set(node.id, new NodeInfo(node));
    this.#unloaded = read.find('task', { by: 'all' });
  }

  /** Takes in some more of the tasks there were. Returns whether that is all: before, nothing can be placed. */
  load(count: number): boolean {
    for (const task of this.#unloaded.splice(-count, count)) if (!this.#changed.has(task.id)) this.#setTask(task);
    if (this.#unloaded.length > 0) return false;
    this.#changed.clear();
    return true;
  }

  apply(event: StoreEvent, read: ReadTransaction): void {
    if (event.kind === 'node') this.#applyNode(event, read);
    if (event.kind !== 'task') return;
    if (this.#unloaded.length > 0) this.#changed.add(event.object.id);
    if (event.change === 'remove') this.#forget(event.object);
    else this.#setTask(event.object);
    if (hasFailedJustNow(event)) this.nodes.get(event.object.nodeId)?.recordFailure(event.object);
  }

  #setTask(task: TaskObject): void {
    if (task.status.state < TaskState.ASSIGNED) {
      if (isWanted(task)) this.queue.add(task.id);
      else this.queue.delete(task.id);
      return;
    }
    this.queue.delete(task.id);
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
    this.queue.delete(task.id);
    this.release(task.id);
  }
}

function hasFailedJustNow({ change, object, previous }: StoreEvent & { readonly kind: 'task' }): boolean {
  return change === 'update' && hasFailed(object) && previous !== undefined && !hasFailed(previous);
}

/** By itself: what was told to stop has not. */
function hasFailed({ status, desiredState }: TaskObject): boolean {
  const failed = status.state === TaskState.FAILED || status.state === TaskState.REJECTED;
  return failed && desiredState <= TaskState.RUNNING;
}
