/** Whether ports that a container asks for can lead to it. */
import { GantryError } from '../../proto/errors.ts';
import type { LocalNetwork } from '../../proto/generated/gantry/v1/engine.ts';
import type { ContainerContext } from './context.ts';
import type { NetworkMode } from './network-mode.ts';

/** Throws INVALID_ARGUMENT for a container that goes out by a macvlan network, on which it isn't behind its host. */
export function refuseUnpublishable({ networks }: Pick<ContainerContext, 'networks'>, mode: NetworkMode): void {
  if (mode.kind !== 'networks') return;
  const way = mode.attachments
    .map(({ target }) => found(networks, target))
    .find((network) => network?.internal === false);
  if (way?.driver !== 'macvlan') return;
  throw new GantryError('INVALID_ARGUMENT', `ports can't be published on macvlan network ${way.name}`, {
    hint: "leave -p out: the container has an address of its own there; or name a bridge network before it: '--network bridge'",
  });
}

/** Undefined for one that isn't there (yet): the start says so. */
function found(networks: ContainerContext['networks'], reference: string): LocalNetwork | undefined {
  try {
    return networks.find(reference);
  } catch (error) {
    if (error instanceof GantryError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}
