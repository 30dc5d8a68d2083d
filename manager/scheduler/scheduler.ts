/** Gives pending tasks nodes. */
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import type { ControlLoop } from '../control-loop.ts';
import type { TaskObject } from '../store/task.ts';
import type { WriteTransaction } from '../store/transaction.ts';
import type { StoreEvent } from '../store/watch.ts';
import { ClusterView } from './cluster-view.ts';
import { place } from './placement.ts';

/** One key: tasks compete for the same nodes. */
const ALL = ['all'];

export function schedulerLoop(): ControlLoop {
  let view: ClusterView | undefined;
  return {
    name: 'scheduler',
    kinds: ['task', 'node', 'service'],
    allKeys: (read) => {
      view = new ClusterView(read);
      return ALL;
    },
    keysOf: (event, read) => {
      view?.apply(event, read);
      return concerns(event) ? ALL : [];
    },
    reconcile: (tx, _key, nowMs) => (view === undefined ? undefined : placeAll(tx, view, nowMs)),
  };
}

/** A task to place, or room for one. */
function concerns(event: StoreEvent): boolean {
  if (event.kind === 'node') return true;
  if (event.kind === 'service') return event.object.dependenciesMet !== event.previous?.dependenciesMet;
  if (event.kind !== 'task') return false;
  return event.object.status.state < TaskState.ASSIGNED || event.object.status.state > TaskState.RUNNING;
}

/** When the first of the tasks that wait for their restart may go. */
function placeAll(tx: WriteTransaction, view: ClusterView, nowMs: number): number | undefined {
  let next = Number.POSITIVE_INFINITY;
  for (const id of view.pending) {
    const task = tx.get('task', id);
    if (task === undefined) continue;
    // A turn whose transaction failed may have left it on a node.
    view.release(id);
    const placement = place(task, tx.get('service', task.serviceId), view.nodes, nowMs);
    if (placement.outcome === 'not-before') next = Math.min(next, placement.timeMs);
    else if (placement.outcome === 'assigned') assign(tx, view, task, placement.nodeId, nowMs);
    else if (placement.outcome === 'unplaceable') explain(tx, task, placement.reason, nowMs);
  }
  return next === Number.POSITIVE_INFINITY ? undefined : next;
}

function assign(tx: WriteTransaction, view: ClusterView, task: TaskObject, nodeId: string, nowMs: number): void {
  const status = { ...task.status, state: TaskState.ASSIGNED, timestampMs: nowMs, message: '' };
  const assigned = tx.update('task', { ...task, nodeId, status });
  // The next task of this turn must see what this one takes.
  view.place(assigned);
}

function explain(tx: WriteTransaction, task: TaskObject, reason: string, nowMs: number): void {
  if (task.status.message === reason) return;
  tx.update('task', { ...task, status: { ...task.status, timestampMs: nowMs, message: reason } });
}
