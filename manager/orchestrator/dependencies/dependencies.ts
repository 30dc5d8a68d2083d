/** Lets services start once what they depend on is so; meanwhile their tasks say what they wait for. */

import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import type { ControlLoop } from '../../control-loop.ts';
import type { ServiceObject } from '../../store/service.ts';
import type { ReadTransaction } from '../../store/tables.ts';
import { isWanted } from '../../store/task.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import { unmetDependency } from './conditions.ts';

/** One key for all: a change of one service's tasks may concern any service. */
const ALL = ['all'];

export function dependenciesLoop(): ControlLoop {
  return {
    name: 'dependencies',
    kinds: ['service', 'task'],
    allKeys: () => ALL,
    keysOf: () => ALL,
    reconcile: (tx, _key, nowMs) => {
      for (const service of tx.find('service', { by: 'all' })) {
        if (!service.dependenciesMet && !service.pendingDelete) reconcileService(tx, service, nowMs);
      }
      return undefined;
    },
  };
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
  for (const dependency of service.spec.dependencies) {
    const [target] = read.find('service', { by: 'name', value: dependency.service });
    const tasks = target === undefined ? [] : read.find('task', { by: 'service', value: target.id });
    const message = unmetDependency(dependency, target, tasks);
    if (message !== undefined) return message;
  }
  return undefined;
}
