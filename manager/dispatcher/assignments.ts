/** The items that a node is told of: when it must know one, and whether one differs from what it knows. Pure. */

import { isEncrypted } from '../../proto/encrypted-option.ts';
import { type AssignmentChange, NetworkPeer } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { Network, PublishMode, ServiceEndpoints, Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { INGRESS_NETWORK, INGRESS_VNI } from '../../proto/ingress-network.ts';
import type { NetworkObject } from '../store/network.ts';
import { type NodeObject, wireguardKey } from '../store/node.ts';
import type { CompleteTaskSpec } from '../store/service.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { hasEnded, isWanted, type TaskObject } from '../store/task.ts';

type MessageItem = NonNullable<AssignmentChange['item']>;
/** As a whole. */
export type AssignmentItem = Exclude<MessageItem, { readonly $case: 'endpointChanges' }>;
export type ItemKind = AssignmentItem['$case'];

type Place = Pick<NetworkPeer, 'nodeAddress' | 'blocks'>;

/** In the order in which a node is told: what a task needs comes before it, and goes after it. */
export const ITEM_KINDS = [
  'secret',
  'config',
  'network',
  'peer',
  'endpoints',
  'task',
] as const satisfies readonly ItemKind[];

/** What is remembered of an item that the node was told: of a task no more than is needed to tell what comes next. */
export type ToldItem =
  | (AssignmentItem & { readonly $case: 'secret' | 'config' | 'network' | 'peer' | 'endpoints' })
  | { readonly $case: 'task'; readonly value: Pick<Task, 'desiredState'> };

export function toTold(item: AssignmentItem): ToldItem {
  return item.$case === 'task' ? { $case: 'task', value: { desiredState: item.value.desiredState } } : item;
}

/** What a task needs on its node as long as it isn't over. */
export interface Need {
  readonly kind: 'secret' | 'config' | 'network';
  readonly id: string;
}

const NOTHING: readonly Need[] = [];
/** Of specs that can't change any more: many tasks have the same. */
const needsBySpec = new WeakMap<CompleteTaskSpec, readonly Need[]>();

export function needsOf(task: TaskObject): readonly Need[] {
  if (hasEnded(task)) return NOTHING;
  const known = needsBySpec.get(task.spec);
  if (known !== undefined) return known;
  const { container, networks } = task.spec;
  const needs: readonly Need[] = [
    ...container.secrets.map(({ id }) => ({ kind: 'secret', id }) as const),
    ...container.configs.map(({ id }) => ({ kind: 'config', id }) as const),
    ...networks.map(({ target }) => ({ kind: 'network', id: target }) as const),
  ];
  if (Object.isFrozen(task.spec)) needsBySpec.set(task.spec, needs);
  return needs;
}

/** A task that is yet to start waits until its node has addresses on all its networks. */
export function isDispatchable(read: ReadTransaction, task: TaskObject): boolean {
  if (task.status.state < TaskState.ASSIGNED) return false;
  if (task.status.state > TaskState.ASSIGNED || !isWanted(task)) return true;
  return task.spec.networks.every(({ target }) => {
    const network = read.get('network', target);
    return network === undefined || hasBlock(network, task.nodeId);
  });
}

export function hasBlock(network: NetworkObject | undefined, nodeId: string): boolean {
  return network?.blocks.some((block) => block.nodeId === nodeId) ?? false;
}

export function networkItem(network: NetworkObject, node: NodeObject): AssignmentItem {
  const nodeAddress = node.status.address;
  return {
    $case: 'network',
    value: { network: withoutBlocks(network), blocks: blocksOf(network, node.id), nodeAddress },
  };
}

/** Many nodes are told of the same network, but each only of its peers' blocks. */
const networksWithoutBlocks = new WeakMap<NetworkObject, Network>();

function withoutBlocks(network: NetworkObject): Network {
  const known = networksWithoutBlocks.get(network) ?? { ...network, blocks: [] };
  networksWithoutBlocks.set(network, known);
  return known;
}

/** Every node is on it. */
export function ingressItem({ status }: NodeObject): AssignmentItem {
  const network = Network.create({ id: INGRESS_NETWORK, vni: INGRESS_VNI });
  return { $case: 'network', value: { network, blocks: [], nodeAddress: status.address } };
}

/** All nodes are told of all others: one item for a thousand sessions, which remember it. */
const ingressPeers = new WeakMap<NodeObject, AssignmentItem>();

/** Another node on the ingress network. */
export function ingressPeerItem(node: NodeObject): AssignmentItem {
  const known = ingressPeers.get(node);
  if (known !== undefined) return known;
  const value = NetworkPeer.create({ networkId: INGRESS_NETWORK, nodeId: node.id, nodeAddress: node.status.address });
  const item: AssignmentItem = { $case: 'peer', value };
  ingressPeers.set(node, item);
  return item;
}

const ingressPeerIds = new WeakMap<NodeObject, string>();

export function ingressPeerId(node: NodeObject): string {
  const known = ingressPeerIds.get(node) ?? peerId(INGRESS_NETWORK, node.id);
  ingressPeerIds.set(node, known);
  return known;
}

/** Another node on the network; undefined for one that has no address there. */
export function peerItem(network: NetworkObject, peer: NodeObject): AssignmentItem | undefined {
  const blocks = blocksOf(network, peer.id);
  if (blocks.length === 0) return undefined;
  const key = isEncrypted(network.spec) ? wireguardKey(peer) : '';
  const nodeAddress = peer.status.address;
  const value = { networkId: network.id, nodeId: peer.id, nodeAddress, blocks, wireguardKey: key };
  return { $case: 'peer', value };
}

export function peerId(networkId: string, nodeId: string): string {
  return `${networkId} ${nodeId}`;
}

function blocksOf(network: NetworkObject, nodeId: string): string[] {
  return network.blocks.filter((block) => block.nodeId === nodeId).map((block) => block.cidr);
}

/** Everybody can reach it, on every node. */
export function isPublished({ ports }: ServiceEndpoints): boolean {
  return ports.some((port) => port.mode === PublishMode.INGRESS);
}

/** The order to forget a task that this node shouldn't have. */
export function strayTask(taskId: string): AssignmentChange {
  return { removed: true, item: itemOfId('task', taskId) };
}

/** All that is said of an item that goes. */
export function itemOfId(kind: ItemKind, id: string): AssignmentItem {
  switch (kind) {
    case 'task':
      return { $case: 'task', value: Task.create({ id }) };
    case 'secret':
      return { $case: 'secret', value: { id, meta: undefined, spec: undefined, pendingDelete: false } };
    case 'config':
      return { $case: 'config', value: { id, meta: undefined, spec: undefined, pendingDelete: false } };
    case 'network':
      return { $case: 'network', value: { network: Network.create({ id }), blocks: [], nodeAddress: '' } };
    case 'peer': {
      const [networkId = '', nodeId = ''] = id.split(' ');
      return { $case: 'peer', value: { networkId, nodeId, nodeAddress: '', blocks: [], wireguardKey: '' } };
    }
    case 'endpoints':
      return { $case: 'endpoints', value: ServiceEndpoints.create({ serviceId: id }) };
  }
}

/** Only as far as the node has to know: what it reports itself isn't sent back to it. */
export function isSame(a: ToldItem, b: AssignmentItem): boolean {
  if (a.value === b.value) return true;
  if (a.$case === 'task' && b.$case === 'task') return a.value.desiredState === b.value.desiredState;
  if (a.$case === 'peer' && b.$case === 'peer') {
    return isAtSamePlace(a.value, b.value) && a.value.wireguardKey === b.value.wireguardKey;
  }
  if (a.$case !== 'network' || b.$case !== 'network') return false;
  return isAtSamePlace(a.value, b.value) && isSameNetwork(a.value.network, b.value.network);
}

function isAtSamePlace(a: Place, b: Place): boolean {
  return a.nodeAddress === b.nodeAddress && a.blocks.join() === b.blocks.join();
}

function isSameNetwork(a: Network | undefined, b: Network | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return a === b;
  return encodedNetwork(a).equals(encodedNetwork(b));
}

const encodedNetworks = new WeakMap<Network, Buffer>();

function encodedNetwork(network: Network): Buffer {
  const known = encodedNetworks.get(network);
  if (known !== undefined) return known;
  const encoded = Buffer.from(Network.encode({ ...network, meta: undefined }).finish());
  encodedNetworks.set(network, encoded);
  return encoded;
}
