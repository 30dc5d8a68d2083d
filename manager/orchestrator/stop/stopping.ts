/** Stopping services and starting them again: what both change at once. */
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { NOT_STOPPED, type ServiceObject, serviceName } from '../../store/service.ts';
import type { ReadTransaction } from '../../store/tables.ts';
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
    tx.update('service', { ...service, ...mark, dependenciesMet: !waitsForOthers(tx, service, names) });
  }
}

/**
 * As Docker Compose: what restarts alone doesn't wait for what it depends on, which may be stopped. `names`: of all that restart.
 */
function waitsForOthers(read: ReadTransaction, { spec }: ServiceObject, names: ReadonlySet<string>): boolean {
  const needs = spec.dependencies.map(({ service }) => service);
  const runs = (name: string) => read.find('service', { by: 'name', value: name }).some(({ stopped }) => !stopped);
  return needs.some((name) => names.has(name)) && needs.every((name) => names.has(name) || runs(name));
}

/** With so long to stop; undefined: as its spec says. */
export function withStopTimeout(task: TaskObject, timeoutMs: number | undefined): TaskObject {
  if (timeoutMs === undefined) return task;
  const { spec } = task;
  return { ...task, spec: { ...spec, container: { ...spec.container, stopGracePeriodMs: timeoutMs } } };
}

/**
 * Takes away the tasks of slots in which nothing is to run any more: the loops fill these anew. `dependenciesMet`: what it
 * depends on isn't waited for. False: there was nothing to start.
 */
export function startService(
  tx: WriteTransaction,
  service: ServiceObject,
  nowMs: number,
  dependenciesMet = service.spec.dependencies.length === 0,
): boolean {
  const idle = slotsOf(tx.find('task', { by: 'service', value: service.id })).filter(
    ({ current }) => !isWanted(current),
  );
  if (idle.length === 0 && !service.stopped) return false;
  // Before the service itself: who watches would take them for its tasks, which have run.
  for (const { current, history } of idle) {
    for (const task of [current, ...history]) tx.update('task', order(task, TaskState.REMOVE, nowMs));
  }
  tx.update('service', { ...service, ...NOT_STOPPED, dependenciesMet });
  return true;
}
