/** Watches the containers of a project until none of them runs, or is to run, any more. */
import { type ControlClient, ObjectKind } from '../../proto/generated/gantry/v1/control.ts';
import { type Service, type Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { watchCluster } from '../cluster-watch.ts';
import { ClusterView } from '../rollout/cluster-view.ts';
import { currentTasks, hasEnded } from './project-state.ts';

export interface WatchedProject {
  readonly project: string;
  /** Ids of services. */
  readonly services: ReadonlySet<string>;
  /** Tasks of before: they are told of no more. */
  readonly earlierTasks: ReadonlySet<string>;
}

/** Each task when it has ended; ends when nothing is left to wait for, or with the signal. */
export async function* endedTasks(
  control: ControlClient,
  { project, services, earlierTasks }: WatchedProject,
  signal: AbortSignal,
): AsyncGenerator<Task, void, undefined> {
  const kinds = [ObjectKind.SERVICE, ObjectKind.TASK];
  const over = new AbortController();
  const view = new ClusterView([]);
  const told = new Set(earlierTasks);
  let synced = false;
  try {
    const ended = AbortSignal.any([signal, over.signal]);
    for await (const event of watchCluster(control, { kinds, stack: project }, { signal: ended })) {
      if (event.reset) synced = false;
      view.apply(event);
      synced ||= event.synced;
      if (!synced) continue;
      const tasks = [...view.tasks.values()].filter(({ serviceId }) => services.has(serviceId));
      for (const task of tasks.filter((one) => hasEnded(one) && !told.has(one.id))) {
        told.add(task.id);
        yield task;
      }
      if (isOver(tasks, services, view)) return;
    }
  } finally {
    over.abort();
  }
}

/** Every service has had its tasks, and none of them is replaced. */
function isOver(tasks: readonly Task[], services: ReadonlySet<string>, view: ClusterView): boolean {
  const present = [...services].flatMap((id) => view.services.get(id) ?? []);
  return present.every((service) =>
    isIdle(
      service,
      tasks.filter(({ serviceId }) => serviceId === service.id),
    ),
  );
}

function isIdle({ spec, specVersion, stopped, startsAgain }: Service, tasks: readonly Task[]): boolean {
  if (startsAgain) return false;
  if (stopped) return tasks.every(hasEnded);
  if (spec?.mode?.$case === 'replicated' && spec.mode.value.replicas === 0) return true;
  const own = tasks.filter((task) => task.specVersion === specVersion && task.desiredState < TaskState.REMOVE);
  const current = currentTasks(own);
  return current.length > 0 && current.every((task) => hasEnded(task) && task.desiredState > TaskState.RUNNING);
}
