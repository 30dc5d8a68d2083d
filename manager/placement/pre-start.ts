/** Which task runs the pre_start hooks that run once for all tasks of a version of their service. Pure. */
import { slotName } from '../../proto/task-name.ts';
import type { ServiceObject } from '../store/service.ts';
import { hasEnded, isWanted, type TaskObject } from '../store/task.ts';

export type PreStartPart =
  /** Nothing is to be run for others. */
  | { readonly kind: 'none' }
  /** It runs them. */
  | { readonly kind: 'runs' }
  | { readonly kind: 'awaited'; readonly reason: string };

type HookedTask = Pick<TaskObject, 'id' | 'spec' | 'specVersion'>;

/**
 * `tasksOf`: those of the service. Neither a restart nor a further replica runs them again: only another version does, and
 * a task that failed to. What replaces a task of an earlier version isn't the service as it is to be.
 */
export function preStartOf(
  task: HookedTask,
  service: ServiceObject,
  tasksOf: (service: ServiceObject) => readonly TaskObject[],
): PreStartPart {
  if (!runsOnce(task) || task.specVersion !== service.specVersion) return { kind: 'none' };
  if (service.preStartVersion === service.specVersion) return { kind: 'none' };
  const runner = tasksOf(service).find((other) => other.id !== task.id && isRunner(other, service.specVersion));
  if (runner === undefined) return { kind: 'runs' };
  const name = `${runner.serviceName}.${slotName(runner)}`;
  return { kind: 'awaited', reason: `waiting for the pre_start hooks, which task ${name} runs` };
}

function runsOnce({ spec }: Pick<TaskObject, 'spec'>): boolean {
  return spec.container.preStart.some(({ perReplica }) => !perReplica);
}

function isRunner(task: TaskObject, specVersion: number): boolean {
  return task.runsPreStart === true && task.specVersion === specVersion && isWanted(task) && !hasEnded(task);
}

/** The version of which the hooks that run once have succeeded; undefined: not the present one. */
export function finishedPreStart(service: ServiceObject, tasks: readonly TaskObject[]): number | undefined {
  const { specVersion } = service;
  const isDone = tasks.some((task) => task.specVersion === specVersion && task.status.preStartDone === true);
  return isDone ? specVersion : undefined;
}
