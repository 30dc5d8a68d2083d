/** A network of the cluster. */
import type { Annotations, Meta, Network, NetworkSpec } from '../../proto/generated/gantry/v1/types.ts';
import { NetworkSpec as NetworkSpecMessage } from '../../proto/generated/gantry/v1/types.ts';
import { isMacvlan } from '../../proto/macvlan-options.ts';
import { completeAnnotations, completeMeta, type ObjectType, pendingDeleteKeys, stackKeys } from './object-type.ts';

export interface NetworkObject extends Readonly<Omit<Network, 'meta' | 'spec'>> {
  readonly meta: Meta;
  readonly spec: NetworkSpec & { annotations: Annotations };
}

/** Each node has addresses of it, whether or not it has tasks there. */
export function isForAll({ spec, pendingDelete }: NetworkObject): boolean {
  return spec.attachable && !pendingDelete;
}

/** Whether services have an address of their own there. On a LAN nobody is between a client and the tasks. */
export function hasVirtualIps({ spec }: Pick<NetworkObject, 'spec'>): boolean {
  return !isMacvlan(spec);
}

export const networkType: ObjectType<Network, NetworkObject, 'stack' | 'pendingDelete'> = {
  complete: (raw) => {
    const spec = raw.spec ?? NetworkSpecMessage.create();
    return {
      ...raw,
      meta: completeMeta(raw.meta),
      spec: { ...spec, annotations: completeAnnotations(spec.annotations) },
    };
  },
  nameOf: (network) => (network.pendingDelete ? undefined : network.spec.annotations.name),
  indexes: {
    stack: (network) => stackKeys(network.spec.annotations.labels),
    pendingDelete: pendingDeleteKeys,
  },
};
