/** Takes out of the store what has come to its end: old tasks, removed services, and what only they used. */
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import type { ControlLoop } from '../../control-loop.ts';
import { DEFAULT_TASK_HISTORY_LIMIT } from '../../store/cluster.ts';
import type { ReadTransaction } from '../../store/tables.ts';
import { hasEnded, isWanted, type TaskObject } from '../../store/task.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import { order } from '../tasks.ts';
import { forgettable } from './history.ts';

/** The key of networks, secrets and configs together; all others are ids of services. */
const RESOURCES = 'resources';
const RESOURCE_KINDS = ['network', 'secret', 'config'] as const;

export function reaperLoop(): ControlLoop {
  return {
    name: 'reaper',
    kinds: ['service', 'task', 'node', 'cluster', ...RESOURCE_KINDS],
    allKeys: servicesAndResources,
    keysOf: (event, read) => {
      if (event.kind === 'service') return [event.object.id, RESOURCES];
      if (event.kind === 'task') return [event.object.serviceId, RESOURCES];
      if (event.kind === 'node' || event.kind === 'cluster') return servicesAndResources(read);
      return [RESOURCES];
    },
    reconcile: (tx, key, nowMs) => {
      if (key === RESOURCES) removeUnused(tx);
      else reapService(tx, key, nowMs);
      return undefined;
    },
  };
}

/** Also services of which only tasks are left. */
function servicesAndResources(read: ReadTransaction): Set<string> {
  const services = read.find('service', { by: 'all' }).map((service) => service.id);
  const owners = read.find('task', { by: 'all' }).map((task) => task.serviceId);
  return new Set([...services, ...owners, RESOURCES]);
}

function reapService(tx: WriteTransaction, serviceId: string, nowMs: number): void {
  const service = tx.get('service', serviceId);
  const removing = service === undefined || service.pendingDelete;
  for (const task of removing ? tx.find('task', { by: 'service', value: serviceId }) : []) {
    if (task.desiredState < TaskState.REMOVE) tx.update('task', order(task, TaskState.REMOVE, nowMs));
  }
  const tasks = tx.find('task', { by: 'service', value: serviceId });
  const gone = forgettable(tasks, historyLimit(tx), (task) => tx.get('node', task.nodeId));
  for (const task of gone) tx.remove('task', task.id);
  if (service?.pendingDelete === true && gone.length === tasks.length) tx.remove('service', serviceId);
}

function historyLimit(read: ReadTransaction): number {
  return read.find('cluster', { by: 'all' })[0]?.spec.taskHistoryLimit ?? DEFAULT_TASK_HISTORY_LIMIT;
}

function removeUnused(tx: WriteTransaction): void {
  for (const kind of RESOURCE_KINDS) {
    for (const resource of tx.find(kind, { by: 'all' })) {
      if (resource.pendingDelete && !isUsed(tx, resource.id)) tx.remove(kind, resource.id);
    }
  }
}

function isUsed(read: ReadTransaction, id: string): boolean {
  const query = { by: 'uses', value: id } as const;
  // A task that has ended and is still wanted is about to be restarted as it was.
  const needs = (task: TaskObject) => !hasEnded(task) || isWanted(task);
  return read.find('service', query).length > 0 || read.find('task', query).some(needs);
}
