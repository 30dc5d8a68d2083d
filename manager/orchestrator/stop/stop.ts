/** Shuts down the tasks of stopped services, keeps them without any, and starts those again that are only restarted. */
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import type { ControlLoop } from '../../control-loop.ts';
import type { ServiceObject } from '../../store/service.ts';
import type { ReadTransaction } from '../../store/tables.ts';
import { isWanted } from '../../store/task.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import { order } from '../tasks.ts';
import { dependencies, dependents, hasNoTasks, isEnding, tasksOf } from './order.ts';
import { startService, withStopTimeout } from './stopping.ts';

/** Keys are ids of services. */
export function stopLoop(): ControlLoop {
  return {
    name: 'stop',
    kinds: ['service', 'task', 'node'],
    allKeys: (read) => read.find('service', { by: 'all' }).flatMap(({ id, stopped }) => (stopped ? [id] : [])),
    keysOf: (event, read) => {
      if (event.kind === 'service') return [event.object.id, ...waitingFor(read, event.object)];
      if (event.kind === 'task') return concerned(read, event.object.serviceId);
      if (event.kind !== 'node') return [];
      // Whether its tasks have stopped may depend on it.
      const services = read.find('task', { by: 'node', value: event.object.id }).map(({ serviceId }) => serviceId);
      return [...new Set(services)].flatMap((id) => concerned(read, id));
    },
    reconcile: (tx, serviceId, nowMs) => {
      const service = tx.get('service', serviceId);
      if (service?.stopped === true && !service.pendingDelete) reconcile(tx, service, nowMs);
      return undefined;
    },
  };
}

/** Most tasks are of services that run: of those there is nothing to do. */
function concerned(read: ReadTransaction, serviceId: string): string[] {
  const service = read.get('service', serviceId);
  const ends = service?.stopped === true || service?.pendingDelete === true;
  return ends ? [serviceId, ...waitingFor(read, service)] : [];
}

/** What it depends on waits for it to stop, and what depends on it for it to start again. */
function waitingFor(read: ReadTransaction, service: ServiceObject): string[] {
  const others = [...dependencies(read, service), ...dependents(read, service)];
  return others.flatMap(({ id, stopped }) => (stopped ? [id] : []));
}

function reconcile(tx: WriteTransaction, service: ServiceObject, nowMs: number): void {
  if (dependents(tx, service).some((dependent) => isEnding(tx, dependent))) return;
  // Whatever made a task of it meanwhile: it is not to run.
  for (const task of tasksOf(tx, service).filter(isWanted)) {
    tx.update('task', order(withStopTimeout(task, service.stopTimeoutMs), TaskState.SHUTDOWN, nowMs));
  }
  if (!service.startsAgain || !hasNoTasks(tx, service)) return;
  if (dependencies(tx, service).some(({ stopped, startsAgain }) => stopped && startsAgain)) return;
  startService(tx, service, nowMs, service);
}
