/** What a watch has told so far: the services and tasks that concern one rollout. */
import type { WatchEvent } from '../../proto/generated/gantry/v1/control.ts';
import type { Node, Service, Task } from '../../proto/generated/gantry/v1/types.ts';
import { hasFailed, type Observed } from './convergence.ts';
import { updateKey } from './update-stand.ts';

export class ClusterView implements Observed {
  readonly services = new Map<string, Service>();
  readonly tasks = new Map<string, Task>();
  readonly ignoredFailures = new Set<string>();
  readonly ignoredUpdates = new Set<string>();
  readonly usableNodes: readonly Node[];

  constructor(usableNodes: readonly Node[]) {
    this.usableNodes = usableNodes;
  }

  apply({ object, removed, reset }: WatchEvent): void {
    if (reset) this.#forget();
    else if (object?.$case === 'service') set(this.services, object.value, removed);
    // A task that goes from the history has failed all the same.
    else if (object?.$case === 'task' && !(removed && hasFailed(object.value))) set(this.tasks, object.value, removed);
  }

  /** All but what has failed, and may have gone from the history since. */
  #forget(): void {
    this.services.clear();
    for (const task of [...this.tasks.values()]) if (!hasFailed(task)) this.tasks.delete(task.id);
  }

  /** What has failed up to now is no verdict on services whose tasks aren't new. */
  ignoreFailuresOf(serviceIds: ReadonlySet<string>): void {
    for (const task of this.tasks.values()) {
      if (serviceIds.has(task.serviceId) && hasFailed(task)) this.ignoredFailures.add(task.id);
    }
    for (const service of this.services.values()) {
      if (serviceIds.has(service.id)) this.ignoredUpdates.add(updateKey(service));
    }
  }
}

function set<Item extends { readonly id: string }>(items: Map<string, Item>, item: Item, removed: boolean): void {
  if (removed) items.delete(item.id);
  else items.set(item.id, item);
}
