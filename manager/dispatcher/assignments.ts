/** The items that a node is told of: when it must know one, and whether one differs from what it knows. Pure. */
import type { AssignmentChange } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { Network, PublishMode, ServiceEndpoints, Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { INGRESS_NETWORK, INGRESS_VNI } from '../../proto/ingress-network.ts';
import type { NetworkObject } from '../store/network.ts';
import type { NodeObject } from '../store/node.ts';
import type { CompleteTaskSpec } from '../store/service.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { hasEnded, isWanted, type TaskObject } from '../store/task.ts';

type MessageItem = NonNullable<AssignmentChange['item']>;
/** As a whole. */
export type AssignmentItem = Exclude<MessageItem, { readonly $case: 'endpointChanges' | 'attachedKnown' }>;
export type ItemKind = AssignmentItem['$case'];
/** Of which nodes tell each other by way of the manager; what is stale is known by network. */
export type SharedKind = 'peer' | 'attached';
/** Of which each session remembers what its node was told. */
export type RememberedKind = Exclude<ItemKind, SharedKind>;
export type RememberedItem = AssignmentItem & { readonly $case: RememberedKind };

/** In the order in which a node is told: what a task needs comes before it, and goes after it. */
export const ITEM_KINDS = [
  'secret',
  'config',
  'network',
  'peer',
  'attached',
  'endpoints',
  'task',
] as const satisfies readonly ItemKind[];

/** What is remembered of an item that the node was told: of a task no more than is needed to tell what comes next. */
export type ToldItem =
  | (AssignmentItem & { readonly $case: Exclude<RememberedKind, 'task'> })
  | { readonly $case: 'task'; readonly value: Pick<Task, 'desiredState'> };

export function toTold(item: RememberedItem): ToldItem {
  return item.$case === 'task' ? { $case: 'task', value: { desiredState: item.value.desiredState } } : item;
}

export function isShared(kind: ItemKind): kind is SharedKind {
  return kind === 'peer' || kind === 'attached';
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

/** A task that is yet to start waits until its node has an address for it on each of its networks, as `hasAddress` says. */
export function isDispatchable(
  read: ReadTransaction,
  task: TaskObject,
  hasAddress: (network: NetworkObject) => boolean,
): boolean {
  if (task.status.state < TaskState.ASSIGNED) return false;
  if (task.status.state > TaskState.ASSIGNED || !isWanted(task)) return true;
  return task.spec.networks.every(({ target }) => {
    const network = read.get('network', target);
    return network === undefined || (hasBlock(network, task.nodeId) && hasAddress(network));
  });
}

export function hasBlock(network: NetworkObject | undefined, nodeId: string): boolean {
  return network?.blocks.some((block) => block.nodeId === nodeId) ?? false;
}

export function networkItem(network: NetworkObject, node: NodeObject): RememberedItem {
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
export function ingressItem({ status }: NodeObject): RememberedItem {
  const network = Network.create({ id: INGRESS_NETWORK, vni: INGRESS_VNI });
  return { $case: 'network', value: { network, blocks: [], nodeAddress: status.address } };
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
export function itemOfId(kind: RememberedKind, id: string): RememberedItem {
  switch (kind) {
    case 'task':
      return { $case: 'task', value: Task.create({ id }) };
    case 'secret':
      return { $case: 'secret', value: { id, meta: undefined, spec: undefined, pendingDelete: false } };
    case 'config':
      return { $case: 'config', value: { id, meta: undefined, spec: undefined, pendingDelete: false } };
    case 'network':
      return { $case: 'network', value: { network: Network.create({ id }), blocks: [], nodeAddress: '' } };
    case 'endpoints':
      return { $case: 'endpoints', value: ServiceEndpoints.create({ serviceId: id }) };
  }
}

/** Only as far as the node has to know: what it reports itself isn't sent back to it. */
export function isSame(a: ToldItem, b: RememberedItem): boolean {
  if (a.value === b.value) return true;
  if (a.$case === 'task' && b.$case === 'task') return a.value.desiredState === b.value.desiredState;
  if (a.$case !== 'network' || b.$case !== 'network') return false;
  const isAtSamePlace = a.value.nodeAddress === b.value.nodeAddress && a.value.blocks.join() === b.value.blocks.join();
  return isAtSamePlace && isSameNetwork(a.value.network, b.value.network);
}

function isSameNetwork(a: Network | undefined, b: Network | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return a === b;
  return Buffer.compare(encodedNetwork(a), encodedNetwork(b)) === 0;
}

const encodedNetworks = new WeakMap<Network, Uint8Array>();

function encodedNetwork(network: Network): Uint8Array {
  const known = encodedNetworks.get(network);
  if (known !== undefined) return known;
  const encoded = Network.encode({ ...network, meta: undefined }).finish();
  encodedNetworks.set(network, encoded);
  return encoded;
}
