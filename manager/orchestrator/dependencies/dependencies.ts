/** Lets services start once what they depend on is so; meanwhile their tasks say what they wait for. */

import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import type { ControlLoop } from '../../control-loop.ts';
import { awaitedDependencies, type ServiceObject, serviceName } from '../../store/service.ts';
import type { ReadTransaction } from '../../store/tables.ts';
import { isWanted } from '../../store/task.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import { unmetDependency } from './conditions.ts';

/** Keys are ids of services. */
export function dependenciesLoop(): ControlLoop {
  return {
    name: 'dependencies',
    kinds: ['service', 'task'],
    allKeys: (read) => read.find('service', { by: 'all' }).map((service) => service.id),
    keysOf: (event, read) => {
      if (event.kind === 'service') return [event.object.id, ...dependents(read, serviceName(event.object))];
      return event.kind === 'task' ? [event.object.serviceId, ...dependents(read, event.object.serviceName)] : [];
    },
    reconcile: (tx, serviceId, nowMs) => {
      const service = tx.get('service', serviceId);
      if (service !== undefined && waits(service)) reconcileService(tx, service, nowMs);
      return undefined;
    },
  };
}

/** What is stopped waits for whatever it is once it is started. */
function waits({ dependenciesMet, pendingDelete, stopped }: ServiceObject): boolean {
  return !dependenciesMet && !pendingDelete && !stopped;
}

function dependents(read: ReadTransaction, name: string): string[] {
  return read.find('service', { by: 'awaits', value: name }).map((service) => service.id);
}

function reconcileService(tx: WriteTransaction, service: ServiceObject, nowMs: number): void {
  const message = firstUnmet(tx, service);
  if (message === undefined) {
    tx.update('service', { ...service, dependenciesMet: true });
    return;
  }
  for (const task of tx.find('task', { by: 'service', value: service.id })) {
    const waits = isWanted(task) && task.status.state <= TaskState.PENDING;
    if (!waits || task.status.message === message) continue;
    tx.update('task', { ...task, status: { ...task.status, timestampMs: nowMs, message } });
  }
}

function firstUnmet(read: ReadTransaction, service: ServiceObject): string | undefined {
  for (const dependency of awaitedDependencies(service)) {
    const [target] = read.find('service', { by: 'name', value: dependency.service });
    const tasks = target === undefined ? [] : read.find('task', { by: 'service', value: target.id });
    const message = unmetDependency(dependency, target, tasks);
    if (message !== undefined) return message;
  }
  return undefined;
}
