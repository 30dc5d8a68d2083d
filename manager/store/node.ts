/** A machine of the cluster. */
import {
  type Annotations,
  type Meta,
  type Node,
  NodeAvailability,
  type NodeDescription,
  NodeRole,
  type NodeSpec,
  NodeState,
  type NodeStatus,
} from '../../proto/generated/gantry/v1/types.ts';
import type { PeerRole } from '../../proto/tls.ts';
import { completeAnnotations, completeMeta, type ObjectType } from './object-type.ts';

export interface NodeObject extends Readonly<Omit<Node, 'meta' | 'spec' | 'description' | 'status'>> {
  readonly meta: Meta;
  readonly spec: NodeSpec & { annotations: Annotations };
  readonly description: NodeDescription;
  readonly status: NodeStatus;
}

const NO_SPEC: NodeSpec = {
  annotations: undefined,
  role: NodeRole.WORKER,
  availability: NodeAvailability.ACTIVE,
};
const NO_DESCRIPTION: NodeDescription = {
  hostname: '',
  platform: undefined,
  resources: undefined,
  engineVersion: '',
  engineLabels: {},
  tls: undefined,
  genericResources: [],
  wireguard: undefined,
  ipv6Addresses: [],
  links: [],
  networkConfigs: [],
};
const NO_STATUS: NodeStatus = { state: NodeState.UNKNOWN, message: '', address: '', stateSinceMs: 0 };

export const nodeType: ObjectType<Node, NodeObject, never> = {
  complete: (raw) => ({
    ...raw,
    meta: completeMeta(raw.meta),
    spec: { ...NO_SPEC, ...raw.spec, annotations: completeAnnotations(raw.spec?.annotations) },
    description: raw.description ?? NO_DESCRIPTION,
    status: raw.status ?? NO_STATUS,
  }),
  // Two machines may have one host name: a node is known by its id.
  nameOf: () => undefined,
  indexes: {},
};

/** The role that the node's certificate is to name. */
export function peerRole(node: NodeObject): PeerRole {
  return node.spec.role === NodeRole.MANAGER ? 'manager' : 'worker';
}

/** Its public WireGuard key, in base64; empty: it can take part in no encrypted network. */
export function wireguardKey({ description }: NodeObject): string {
  return description.wireguard?.publicKey ?? '';
}

export function nodeName(node: NodeObject): string {
  return node.spec.annotations.name || node.description.hostname || node.id;
}
