/** Stopping services and starting them again: what both change at once. */
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import type { ServiceObject } from '../../store/service.ts';
import { isWanted } from '../../store/task.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import { slotsOf } from '../slots.ts';
import { order } from '../tasks.ts';

/** `timeoutMs`: how long processes have instead of what their specs say; undefined: as those say. */
export function stopService(
  tx: WriteTransaction,
  service: ServiceObject,
  timeoutMs: number | undefined,
  nowMs: number,
): void {
  tx.update('service', { ...service, stopped: true });
  for (const task of tx.find('task', { by: 'service', value: service.id }).filter(isWanted)) {
    const { spec } = task;
    const container = { ...spec.container, stopGracePeriodMs: timeoutMs };
    const told = timeoutMs === undefined ? task : { ...task, spec: { ...spec, container } };
    tx.update('task', order(told, TaskState.SHUTDOWN, nowMs));
  }
}

/**
 * Takes away the tasks of slots in which nothing is to run any more: the loops fill these anew. What it depends on is
 * waited for again. False: there was nothing to start.
 */
export function startService(tx: WriteTransaction, service: ServiceObject, nowMs: number): boolean {
  const idle = slotsOf(tx.find('task', { by: 'service', value: service.id })).filter(
    ({ current }) => !isWanted(current),
  );
  if (idle.length === 0 && !service.stopped) return false;
  tx.update('service', started(service));
  for (const { current, history } of idle) {
    for (const task of [current, ...history]) tx.update('task', order(task, TaskState.REMOVE, nowMs));
  }
  return true;
}

export function started(service: ServiceObject): ServiceObject {
  return { ...service, stopped: false, dependenciesMet: service.spec.dependencies.length === 0 };
}
