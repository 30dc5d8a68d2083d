/** A node's record in the store, as its sessions come and go. */
import { GantryError } from '../../proto/errors.ts';
import type { SessionHello } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { NodeDescription, NodeState, type NodeTls } from '../../proto/generated/gantry/v1/types.ts';
import type { NodeObject } from '../store/node.ts';
import {
  FORMAT_OF_CA_ROTATION,
  FORMAT_OF_GENERIC_RESOURCES,
  FORMAT_OF_IPV6,
  FORMAT_OF_MACVLAN,
  FORMAT_OF_STANDINGS_BY_ROTATION,
  FORMAT_OF_TASK_FORMATS,
  FORMAT_OF_WIREGUARD,
} from '../store/state-format.ts';
import type { Store } from '../store/store.ts';
import type { ReadTransaction } from '../store/tables.ts';

/** Marks the node ready. Throws NOT_IN_CLUSTER for a node that the cluster doesn't know. */
export function registerNode(store: Store, hello: SessionHello, nowMs: number): Promise<NodeObject> {
  return store.update((tx) => {
    const node = tx.get('node', hello.nodeId);
    if (node === undefined) {
      throw new GantryError('NOT_IN_CLUSTER', `node ${hello.nodeId} is not in this cluster`, {
        hint: 'it may have been removed: leave the cluster and join again',
      });
    }
    const description = known(tx, hello.description) ?? node.description;
    const address = hello.address || node.status.address;
    const isReady = node.status.state === NodeState.READY && node.status.address === address;
    if (isReady && sameDescription(description, node.description)) return node;
    const stateSinceMs = node.status.state === NodeState.READY ? node.status.stateSinceMs : nowMs;
    return tx.update('node', {
      ...node,
      description,
      status: { state: NodeState.READY, message: '', address, stateSinceMs },
    });
  });
}

/** Of a node that has a session. */
export function describeAnew(store: Store, nodeId: string, described: NodeDescription): Promise<void> {
  return store.update((tx) => {
    const node = tx.get('node', nodeId);
    const description = known(tx, described);
    if (node === undefined || description === undefined || sameDescription(description, node.description)) return;
    tx.update('node', { ...node, description });
  });
}

/** Without what not all managers know of yet: they would lose it. */
function known(read: ReadTransaction, description: NodeDescription | undefined): NodeDescription | undefined {
  if (description === undefined) return undefined;
  const format = read.find('cluster', { by: 'all' })[0]?.stateFormat ?? 0;
  return {
    ...description,
    tls: format >= FORMAT_OF_CA_ROTATION ? knownStanding(description.tls, format) : undefined,
    genericResources: format >= FORMAT_OF_GENERIC_RESOURCES ? description.genericResources : [],
    wireguard: format >= FORMAT_OF_WIREGUARD ? description.wireguard : undefined,
    ipv6Addresses: format >= FORMAT_OF_IPV6 ? description.ipv6Addresses : [],
    links: format >= FORMAT_OF_MACVLAN ? description.links : [],
    networkConfigs: format >= FORMAT_OF_MACVLAN ? description.networkConfigs : [],
    taskFormat: format >= FORMAT_OF_TASK_FORMATS ? description.taskFormat : undefined,
  };
}

function knownStanding(tls: NodeTls | undefined, format: number): NodeTls | undefined {
  if (tls === undefined || format >= FORMAT_OF_STANDINGS_BY_ROTATION) return tls;
  return { ...tls, rotationStartedAtMs: undefined };
}

export function markDown(store: Store, nodeId: string, message: string, nowMs: number): Promise<void> {
  return store.update((tx) => {
    const node = tx.get('node', nodeId);
    if (node === undefined || node.status.state === NodeState.DOWN) return;
    tx.update('node', { ...node, status: { ...node.status, state: NodeState.DOWN, message, stateSinceMs: nowMs } });
  });
}

function sameDescription(a: NodeDescription, b: NodeDescription): boolean {
  return Buffer.compare(NodeDescription.encode(a).finish(), NodeDescription.encode(b).finish()) === 0;
}
