/** Which networks containers of no task may be on. */
import { GantryError } from '../../proto/errors.ts';
import type { ContainerContext } from './context.ts';

/** Throws PERMISSION_DENIED for a network of the cluster that is for tasks only, WRONG_STATE for a config-only one, NOT_FOUND. */
export function refuseUnattachable({ networks }: Pick<ContainerContext, 'networks'>, reference: string): void {
  const { name, cluster, attachable, configOnly } = networks.find(reference);
  if (configOnly) {
    throw new GantryError('WRONG_STATE', `network ${name} is config-only: no container can be on it`, {
      hint: `make one of it: 'gantry network create -d macvlan --config-from ${name} NAME'`,
    });
  }
  if (!cluster || attachable) return;
  throw new GantryError('PERMISSION_DENIED', `network ${name} is not attachable: only services can be on it`, {
    hint: "make one that is with 'gantry network create -d overlay --attachable', or `attachable: true` in the stack",
  });
}
