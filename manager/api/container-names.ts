/** Names that services give their containers: each is one container's at a time, and one service's. Pure. */
import { validateContainerName } from '../../proto/container-name.ts';
import { GantryError } from '../../proto/errors.ts';
import type { ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import type { CompleteServiceSpec } from '../store/service.ts';

/** INVALID_ARGUMENT for a name that several tasks of the service would have on one node. */
export function checkContainerName({ annotations, task, mode }: CompleteServiceSpec): void {
  const { containerName } = task.container;
  if (containerName === '') return;
  validateContainerName(containerName);
  const replicas = tasksAtATime(mode);
  if (replicas <= 1) return;
  throw new GantryError(
    'INVALID_ARGUMENT',
    `service ${annotations.name} has container name ${containerName}, which only one container can have, and ${replicas} replicas`,
    { hint: 'leave out the container name, or let it have one replica' },
  );
}

/** Of a global service each node has one. */
function tasksAtATime(mode: ServiceSpec['mode']): number {
  if (mode?.$case === 'replicated') return mode.value.replicas;
  return mode?.$case === 'replicatedJob' ? mode.value.maxConcurrent : 1;
}

/** ALREADY_EXISTS when two of these services want one name. */
export function refuseSharedNames(services: readonly { readonly spec: CompleteServiceSpec }[]): void {
  const holders = new Map<string, string>();
  for (const { spec } of services) {
    const { containerName } = spec.task.container;
    if (containerName === '') continue;
    const holder = holders.get(containerName);
    if (holder !== undefined) {
      throw new GantryError(
        'ALREADY_EXISTS',
        `service ${spec.annotations.name}: container name ${containerName} is service ${holder}'s`,
        { hint: 'give one of them another container name' },
      );
    }
    holders.set(containerName, spec.annotations.name);
  }
}
