/** Takes out of the store what has come to its end: old tasks, removed services, and what only they used. */
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import type { ControlLoop } from '../../control-loop.ts';
import { DEFAULT_TASK_HISTORY_LIMIT } from '../../store/cluster.ts';
import { PENDING_DELETE } from '../../store/object-type.ts';
import { type ServiceObject, serviceName } from '../../store/service.ts';
import type { ReadTransaction } from '../../store/tables.ts';
import { hasEnded, isWanted, type TaskObject } from '../../store/task.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import type { StoreEvent } from '../../store/watch.ts';
import { forgetPathPins } from '../../volumes/pins.ts';
import { isHeld, removedDependencies, tasksOf } from '../stop/order.ts';
import { withStopTimeout } from '../stop/stopping.ts';
import { order } from '../tasks.ts';
import { isUpdating } from '../update/update-config.ts';
import { forgettable } from './history.ts';

/** The key of networks, secrets and configs together; all others are ids of services. */
const RESOURCES = 'resources';
const RESOURCE_KINDS = ['network', 'secret', 'config'] as const;

/** Tasks that one turn takes out; what that changes brings the service back for the next ones. */
const TASKS_AT_ONCE = 200;

export function reaperLoop(): ControlLoop {
  return {
    name: 'reaper',
    kinds: ['service', 'task', 'node', 'cluster', 'stackVersion', ...RESOURCE_KINDS],
    allKeys: servicesAndResources,
    keysOf: (event, read) => {
      switch (event.kind) {
        case 'service':
          return [event.object.id, ...heldFor(read, event.object), RESOURCES];
        case 'task':
          return concerns(event) ? [...withHeld(read, event.object.serviceId), RESOURCES] : [];
        case 'node':
          return servicesOn(read, event.object.id).flatMap((id) => withHeld(read, id));
        case 'cluster':
          return isNewLimit(event) ? servicesAndResources(read) : [];
        default:
          return [RESOURCES];
      }
    },
    reconcile: (tx, key, nowMs) => {
      if (key === RESOURCES) removeUnused(tx);
      else reapService(tx, key, nowMs);
      return undefined;
    },
  };
}

/** Most of what agents report is that a task makes progress, which is nothing to react to. */
function concerns({ change, object, previous }: StoreEvent & { readonly kind: 'task' }): boolean {
  return change !== 'update' || hasEnded(object) || object.desiredState !== previous?.desiredState;
}

/** Whether its tasks have stopped may depend on it. */
function servicesOn(read: ReadTransaction, nodeId: string): string[] {
  const tasks = read.find('task', { by: 'node', value: nodeId });
  return [...new Set(tasks.map(({ serviceId }) => serviceId))];
}

/** And what waits for it to end. */
function withHeld(read: ReadTransaction, serviceId: string): string[] {
  const service = read.get('service', serviceId);
  const ends = service?.pendingDelete === true || service?.stopped === true;
  return ends ? [serviceId, ...heldFor(read, service)] : [serviceId];
}

/** Services that are being removed, and may have waited for this one: to end, or to take their name. */
function heldFor(read: ReadTransaction, service: ServiceObject): string[] {
  const earlier = read.find('service', { by: 'leaving', value: serviceName(service) });
  return [...removedDependencies(read, service), ...earlier].map(({ id }) => id);
}

function isNewLimit({ object, previous }: StoreEvent & { readonly kind: 'cluster' }): boolean {
  return object.spec.taskHistoryLimit !== previous?.spec.taskHistoryLimit;
}

/** Also services of which only tasks are left. */
function servicesAndResources(read: ReadTransaction): Set<string> {
  const services = read.find('service', { by: 'all' }).map((service) => service.id);
  return new Set([...services, ...read.keys('task', 'service'), RESOURCES]);
}

function reapService(tx: WriteTransaction, serviceId: string, nowMs: number): void {
  const service = tx.get('service', serviceId);
  if (service === undefined || service.pendingDelete) endTasks(tx, serviceId, nowMs);
  const tasks = tasksOf(tx, { id: serviceId });
  const gone = forgettable(tasks, historyLimit(tx, service), (task) => tx.get('node', task.nodeId)).slice(
    0,
    TASKS_AT_ONCE,
  );
  for (const task of gone) tx.remove('task', task.id);
  if (service?.pendingDelete !== true || gone.length < tasks.length) return;
  forgetPathPins(tx, serviceName(service));
  tx.remove('service', serviceId);
}

/** Of a service that others still need, only those that don't run yet. */
function endTasks(tx: WriteTransaction, serviceId: string, nowMs: number): void {
  const service = tx.get('service', serviceId);
  const isNeeded = service !== undefined && isHeld(tx, service);
  const ending = tasksOf(tx, { id: serviceId }).filter(
    (task) => task.desiredState < TaskState.REMOVE && !(isNeeded && task.status.state >= TaskState.ASSIGNED),
  );
  for (const task of ending.slice(0, TASKS_AT_ONCE)) {
    tx.update('task', order(withStopTimeout(task, service?.stopTimeoutMs), TaskState.REMOVE, nowMs));
  }
  // Others may have its addresses from now on.
  if (!isNeeded && service !== undefined && service.virtualIps.length > 0) {
    tx.update('service', { ...service, virtualIps: [] });
  }
}

/** An update in progress looks for its failures in the history. */
function historyLimit(read: ReadTransaction, service: ServiceObject | undefined): number {
  const limit = read.find('cluster', { by: 'all' })[0]?.spec.taskHistoryLimit ?? DEFAULT_TASK_HISTORY_LIMIT;
  return isUpdating(service?.updateStatus) ? Math.max(limit, 1) : limit;
}

function removeUnused(tx: WriteTransaction): void {
  for (const kind of RESOURCE_KINDS) {
    for (const resource of tx.find(kind, { by: 'pendingDelete', value: PENDING_DELETE })) {
      if (!isUsed(tx, resource.id)) tx.remove(kind, resource.id);
    }
  }
}

function isUsed(read: ReadTransaction, id: string): boolean {
  const query = { by: 'uses', value: id } as const;
  // A task that has ended and is still wanted is about to be restarted as it was.
  const needs = (task: TaskObject) => !hasEnded(task) || isWanted(task);
  const isNamed = read.count('service', 'uses', id) > 0 || read.count('stackVersion', 'uses', id) > 0;
  return isNamed || read.find('task', query).some(needs);
}
