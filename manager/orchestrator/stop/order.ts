/** In which order services end: what depends on others before them. Pure. */
import { type ServiceObject, serviceName } from '../../store/service.ts';
import type { ReadTransaction } from '../../store/tables.ts';
import type { TaskObject } from '../../store/task.ts';
import { hasStopped } from '../tasks.ts';

export function dependencies(read: ReadTransaction, { spec }: ServiceObject): ServiceObject[] {
  return spec.dependencies.flatMap(({ service }) => read.find('service', { by: 'name', value: service }));
}

export function dependents(read: ReadTransaction, service: ServiceObject): ServiceObject[] {
  return read.find('service', { by: 'dependsOn', value: serviceName(service) });
}

/** None runs any more. */
export function hasNoTasks(read: ReadTransaction, service: ServiceObject): boolean {
  return tasksOf(read, service).every((task) => hasStopped(task, read.get('node', task.nodeId)));
}

export function tasksOf(read: ReadTransaction, { id }: Pick<ServiceObject, 'id'>): TaskObject[] {
  return read.find('task', { by: 'service', value: id });
}

/** It is to end, and has not yet. */
export function isEnding(read: ReadTransaction, service: ServiceObject): boolean {
  return (service.stopped || service.pendingDelete) && !hasNoTasks(read, service);
}

/** Those that it depends on and that are being removed: their names aren't theirs any more. */
export function removedDependencies(read: ReadTransaction, { spec }: ServiceObject): ServiceObject[] {
  return spec.dependencies.flatMap(({ service }) => read.find('service', { by: 'leaving', value: service }));
}

/**
 * Whether a service that is being removed has to run on for the sake of others that end before it. One whose name another
 * has taken meanwhile doesn't: who uses the name means that one.
 */
export function isHeld(read: ReadTransaction, service: ServiceObject): boolean {
  if (read.find('service', { by: 'name', value: serviceName(service) }).length > 0) return false;
  return dependents(read, service).some((one) => isEnding(read, one) && !endsAfter(read, one, service));
}

/** In a circle, which services of different times can make, none waits for the other. */
function endsAfter(read: ReadTransaction, service: ServiceObject, other: ServiceObject): boolean {
  const before = new Map([[service.id, service]]);
  // Those that are added come round, too.
  for (const one of before.values()) {
    for (const dependent of dependents(read, one)) if (isEnding(read, dependent)) before.set(dependent.id, dependent);
  }
  return before.has(other.id);
}
