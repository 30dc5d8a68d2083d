/** Who pulls the images of tasks: told with the tasks, and kept apart from what is written down of them. Pure. */
import { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import type { Task } from '../../proto/generated/gantry/v1/types.ts';

export interface SplitTasks {
  readonly bare: ReadonlyMap<string, Task>;
  readonly credentials: ReadonlyMap<string, RegistryCredentials>;
}

export function withoutCredentials(tasks: ReadonlyMap<string, Task>): SplitTasks {
  const bare = new Map(tasks);
  const credentials = new Map<string, RegistryCredentials>();
  for (const [id, { pullCredentials, ...task }] of tasks) {
    if (pullCredentials === undefined) continue;
    credentials.set(id, RegistryCredentials.decode(pullCredentials));
    bare.set(id, task);
  }
  return { bare, credentials };
}
