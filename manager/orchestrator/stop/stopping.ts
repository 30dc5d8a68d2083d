/** Stopping services and starting them again: what both change at once. */
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { NOT_STOPPED, type ServiceObject } from '../../store/service.ts';
import { isWanted, type TaskObject } from '../../store/task.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import { slotsOf } from '../slots.ts';
import { order } from '../tasks.ts';

export interface Stop {
  /** How long processes have instead of what their specs say; undefined: as those say. */
  readonly timeoutMs: number | undefined;
  /** Whether it stays stopped, or is started once its tasks have ended. */
  readonly after: 'stay' | 'start';
}

/** Marks it: the stop loop shuts its tasks down when their turn has come, whoever leads by then. */
export function stopService(tx: WriteTransaction, service: ServiceObject, { timeoutMs, after }: Stop): void {
  tx.update('service', { ...service, stopped: true, startsAgain: after === 'start', stopTimeoutMs: timeoutMs });
}

/** With so long to stop; undefined: as its spec says. */
export function withStopTimeout(task: TaskObject, timeoutMs: number | undefined): TaskObject {
  if (timeoutMs === undefined) return task;
  const { spec } = task;
  return { ...task, spec: { ...spec, container: { ...spec.container, stopGracePeriodMs: timeoutMs } } };
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

function started(service: ServiceObject): ServiceObject {
  return { ...service, ...NOT_STOPPED, dependenciesMet: service.spec.dependencies.length === 0 };
}
