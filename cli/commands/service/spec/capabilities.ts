/** What a command line makes of a container's capabilities, as `docker service update` does. Pure. */
import type { ContainerSpec } from '../../../../proto/generated/gantry/v1/types.ts';
import type { ServiceOptions } from '../../../options/service-options.ts';

type Capabilities = Pick<ContainerSpec, 'capAdd' | 'capDrop'>;

/** Takes what was added, or dropped, before out of the list. */
const RESET = 'RESET';

/** What is both added and dropped is added. */
export function changedCapabilities(
  before: Capabilities,
  options: Pick<ServiceOptions, 'capAdd' | 'capDrop'>,
): Capabilities {
  if (options.capAdd.length + options.capDrop.length === 0) return { capAdd: before.capAdd, capDrop: before.capDrop };
  const adding = new Set(options.capAdd.map(fullName));
  const dropping = new Set(options.capDrop.map(fullName));
  const added = adding.delete(RESET) ? new Set<string>() : new Set(before.capAdd.map(fullName));
  const dropped = dropping.delete(RESET) ? new Set<string>() : new Set(before.capDrop.map(fullName));
  return {
    capAdd: [...added.difference(dropping).union(adding)],
    capDrop: [...dropped.union(dropping).difference(adding)],
  };
}

/** "net_admin" → "CAP_NET_ADMIN", so that one name is one capability. */
function fullName(name: string): string {
  const upper = name.toUpperCase();
  return upper === 'ALL' || upper === RESET || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}
