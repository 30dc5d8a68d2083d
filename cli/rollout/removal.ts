/** How far what is removed is on its way, as a user reads it: what depends on others ends before them, networks go last. Pure. */
import { ObjectKind, type StackChange, type WatchEvent } from '../../proto/generated/gantry/v1/control.ts';
import { type Service, type Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';

/** What is waited for: services and networks. Secrets and configs go with those who use them. */
export type Removed = Pick<StackChange, 'kind' | 'id' | 'name'>;

/** What there still is. */
export class RemovalView {
  readonly services = new Map<string, Service>();
  readonly tasks = new Map<string, Task>();
  readonly #networks = new Set<string>();

  apply({ object, removed, reset }: Pick<WatchEvent, 'object' | 'removed' | 'reset'>): void {
    if (reset) this.#forget();
    else if (object?.$case === 'service') put(this.services, object.value, removed);
    else if (object?.$case === 'task') put(this.tasks, object.value, removed);
    else if (object?.$case === 'network' && removed) this.#networks.delete(object.value.id);
    else if (object?.$case === 'network') this.#networks.add(object.value.id);
  }

  has({ id }: Pick<Removed, 'id'>): boolean {
    return this.services.has(id) || this.#networks.has(id);
  }

  #forget(): void {
    this.services.clear();
    this.tasks.clear();
    this.#networks.clear();
  }
}

function put<Item extends { readonly id: string }>(items: Map<string, Item>, item: Item, removed: boolean): void {
  if (removed) items.delete(item.id);
  else items.set(item.id, item);
}

export function isAwaited({ kind }: Removed): boolean {
  return kind === ObjectKind.SERVICE || kind === ObjectKind.NETWORK;
}

/** `all`: what is removed with it. */
export function removalText(removed: Removed, all: readonly Removed[], view: RemovalView): string {
  if (!view.has(removed)) return 'removed';
  if (removed.kind === ObjectKind.NETWORK) {
    const isUsed = all.some((one) => one.kind === ObjectKind.SERVICE && view.has(one));
    return isUsed ? 'waiting for services' : 'removing';
  }
  const running = runningTasks(removed.id, view);
  if (running.some(({ desiredState }) => desiredState > TaskState.RUNNING)) return `stopping ${containers(running)}`;
  const dependents = all.filter(({ id }) => dependsOn(view.services.get(id), removed.name) && view.has({ id }));
  if (running.length > 0 && dependents.length > 0)
    return `waiting for ${dependents.map(({ name }) => name).join(', ')}`;
  return 'removing';
}

function runningTasks(serviceId: string, { tasks }: RemovalView): Task[] {
  const isActive = (state: TaskState) => state >= TaskState.ASSIGNED && state <= TaskState.RUNNING;
  return [...tasks.values()].filter((task) => task.serviceId === serviceId && isActive(task.status?.state ?? 0));
}

function dependsOn(service: Service | undefined, name: string): boolean {
  return service?.spec?.dependencies.some((dependency) => dependency.service === name) ?? false;
}

function containers({ length }: readonly Task[]): string {
  return length === 1 ? '1 container' : `${length} containers`;
}
