/** Stopping services and starting them again: what both change at once. */
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { type Awaiting, awaiting, NOT_STOPPED, type ServiceObject, serviceName } from '../../store/service.ts';
import { isWanted, type TaskObject } from '../../store/task.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import { slotsOf } from '../slots.ts';
import { order } from '../tasks.ts';

export interface Stop {
  /** How long processes have instead of what their specs say; undefined: as those say. */
  readonly timeoutMs: number | undefined;
}

/** Marks it: the stop loop shuts its tasks down when their turn has come, whoever leads by then. */
export function stopService(tx: WriteTransaction, service: ServiceObject, { timeoutMs }: Stop): void {
  tx.update('service', { ...service, stopped: true, startsAgain: false, stopTimeoutMs: timeoutMs });
}

/** Marks them: each is started once its tasks have ended, and what it depends on of the others has been started. */
export function restartServices(tx: WriteTransaction, services: readonly ServiceObject[], { timeoutMs }: Stop): void {
  const names = new Set(services.map(serviceName));
  for (const service of services) {
    const mark = { stopped: true, startsAgain: true, stopTimeoutMs: timeoutMs };
    // As Docker Compose: what doesn't restart with it may be stopped, and isn't waited for.
    const others = service.spec.dependencies.map((dependency) => dependency.service).filter((name) => !names.has(name));
    tx.update('service', { ...service, ...mark, ...awaiting(service.spec, new Set(others)) });
  }
}

/** With so long to stop; undefined: as its spec says. */
export function withStopTimeout(task: TaskObject, timeoutMs: number | undefined): TaskObject {
  if (timeoutMs === undefined) return task;
  const { spec } = task;
  return { ...task, spec: { ...spec, container: { ...spec.container, stopGracePeriodMs: timeoutMs } } };
}

/**
 * Takes away the tasks of slots in which nothing is to run any more: the loops fill these anew. One that waits to start
 * waits for nothing else from now on. False: there was nothing to start.
 */
export function startService(
  tx: WriteTransaction,
  service: ServiceObject,
  nowMs: number,
  { dependenciesMet, notAwaited }: Awaiting = awaiting(service.spec),
): boolean {
  const idle = slotsOf(tx.find('task', { by: 'service', value: service.id })).filter(
    ({ current }) => !isWanted(current),
  );
  if (idle.length === 0 && !service.stopped) {
    if (!service.dependenciesMet) tx.update('service', { ...service, dependenciesMet, notAwaited });
    return false;
  }
  // Before the service itself: who watches would take them for its tasks, which have run.
  for (const { current, history } of idle) {
    for (const task of [current, ...history]) tx.update('task', order(task, TaskState.REMOVE, nowMs));
  }
  tx.update('service', { ...service, ...NOT_STOPPED, dependenciesMet, notAwaited });
  return true;
}
