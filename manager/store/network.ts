/** A network of the cluster. */
import type { Annotations, Meta, Network, NetworkSpec } from '../../proto/generated/gantry/v1/types.ts';
import { NetworkSpec as NetworkSpecMessage } from '../../proto/generated/gantry/v1/types.ts';
import { completeAnnotations, completeMeta, type ObjectType, pendingDeleteKeys, stackKeys } from './object-type.ts';

export interface NetworkObject extends Readonly<Omit<Network, 'meta' | 'spec'>> {
  readonly meta: Meta;
  readonly spec: NetworkSpec & { annotations: Annotations };
}

/** Each node has addresses of it, whether or not it has tasks there. */
export function isForAll({ spec, pendingDelete }: NetworkObject): boolean {
  return spec.attachable && !pendingDelete;
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
