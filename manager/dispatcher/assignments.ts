/** What a node must run and know, and how that differs from what it was told. Pure. */
import type { AssignmentChange } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { Network, PublishMode, type ServiceEndpoints, Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { hasEnded, isWanted, type TaskObject } from '../store/task.ts';

export type AssignmentItem = NonNullable<AssignmentChange['item']>;

/** Items by kind and id. */
export type AssignmentSet = ReadonlyMap<string, AssignmentItem>;

/** What is remembered of an item that the node was told: of a task no more than is needed to tell what comes next. */
export type ToldItem =
  | (AssignmentItem & { readonly $case: 'secret' | 'config' | 'network' | 'endpoints' })
  | { readonly $case: 'task'; readonly value: Pick<Task, 'id' | 'desiredState'> };

export type ToldSet = Map<string, ToldItem>;

/**
 * The node's tasks, also those that have ended (their logs are kept until the task is forgotten), and what the
 * live ones need: their networks, secrets and configs, the services on their networks, and all published ports.
 */
export function assignmentsFor(
  read: ReadTransaction,
  nodeId: string,
  services: Iterable<ServiceEndpoints>,
): AssignmentSet {
  const tasks = read.find('task', { by: 'node', value: nodeId }).filter((task) => isDispatchable(read, task));
  const live = tasks.filter((task) => !hasEnded(task));
  const used = live.flatMap((task) => task.spec.networks.map((network) => network.target));
  const networks = new Set(used.filter((id) => read.get('network', id) !== undefined));
  const items: AssignmentItem[] = [
    ...fileItems(read, live),
    ...networkItems(read, nodeId, networks),
    ...endpointItems(services, networks),
    // Last: what a task needs comes before it.
    ...tasks.map((task): AssignmentItem => ({ $case: 'task', value: task })),
  ];
  return new Map(items.map((item) => [keyOf(item), item]));
}

/** What to send to a node that knows `told` so that it knows `wanted`: what is new or changed, then what is gone. */
export function changesBetween(told: ReadonlyMap<string, ToldItem>, wanted: AssignmentSet): AssignmentChange[] {
  const changes: AssignmentChange[] = [];
  for (const [key, item] of wanted) {
    const before = told.get(key);
    if (before === undefined || !same(before, item)) changes.push({ removed: false, item });
  }
  // In reverse: a task goes before the networks and files that it used.
  for (const [key, item] of [...told].reverse()) {
    if (!wanted.has(key)) changes.push({ removed: true, item: idOnly(item.$case, idOf(item)) });
  }
  return changes;
}

export function toldSet(items: AssignmentSet): ToldSet {
  return new Map([...items].map(([key, item]) => [key, toTold(item)]));
}

function toTold(item: AssignmentItem): ToldItem {
  if (item.$case !== 'task') return item;
  return { $case: 'task', value: { id: item.value.id, desiredState: item.value.desiredState } };
}

/** The endpoints of one service as they are now; undefined: it has none any more. */
export type EndpointsNow = readonly [serviceId: string, endpoints: ServiceEndpoints | undefined];

/** What to send to a node for which nothing else has changed; `told` is brought up to date. */
export function endpointChanges(told: ToldSet, services: Iterable<EndpointsNow>): AssignmentChange[] {
  const changes: AssignmentChange[] = [];
  for (const [serviceId, endpoints] of services) {
    const key = `endpoints ${serviceId}`;
    const before = told.get(key);
    if (endpoints !== undefined && concernsNode(endpoints, (network) => knowsNetwork(told, network))) {
      const item: AssignmentItem = { $case: 'endpoints', value: endpoints };
      if (before?.value !== endpoints) changes.push({ removed: false, item });
      told.set(key, item);
    } else if (before !== undefined) {
      changes.push({ removed: true, item: idOnly('endpoints', serviceId) });
      told.delete(key);
    }
  }
  return changes;
}

export function knowsNetwork(told: ReadonlyMap<string, ToldItem>, networkId: string): boolean {
  return told.has(`network ${networkId}`);
}

/** The order to forget a task that this node shouldn't have. */
export function strayTask(taskId: string): AssignmentChange {
  return { removed: true, item: { $case: 'task', value: Task.create({ id: taskId }) } };
}

/** A task that is yet to start waits until its node has addresses on all its networks. */
function isDispatchable(read: ReadTransaction, task: TaskObject): boolean {
  if (task.status.state < TaskState.ASSIGNED) return false;
  if (task.status.state > TaskState.ASSIGNED || !isWanted(task)) return true;
  return task.spec.networks.every(({ target }) => {
    const network = read.get('network', target);
    return network === undefined || network.blocks.some((block) => block.nodeId === task.nodeId);
  });
}

function fileItems(read: ReadTransaction, tasks: readonly TaskObject[]): AssignmentItem[] {
  const secrets = new Set(tasks.flatMap((task) => task.spec.container.secrets.map((secret) => secret.id)));
  const configs = new Set(tasks.flatMap((task) => task.spec.container.configs.map((config) => config.id)));
  const items: AssignmentItem[] = [];
  for (const id of secrets) {
    const value = read.get('secret', id);
    if (value !== undefined) items.push({ $case: 'secret', value });
  }
  for (const id of configs) {
    const value = read.get('config', id);
    if (value !== undefined) items.push({ $case: 'config', value });
  }
  return items;
}

function networkItems(read: ReadTransaction, nodeId: string, ids: ReadonlySet<string>): AssignmentItem[] {
  return [...ids].flatMap((id): AssignmentItem[] => {
    const network = read.get('network', id);
    if (network === undefined) return [];
    const blocks = network.blocks.filter((block) => block.nodeId === nodeId).map((block) => block.cidr);
    return [{ $case: 'network', value: { network, blocks } }];
  });
}

function endpointItems(services: Iterable<ServiceEndpoints>, networks: ReadonlySet<string>): AssignmentItem[] {
  const items: AssignmentItem[] = [];
  for (const value of services) {
    if (concernsNode(value, (network) => networks.has(network))) items.push({ $case: 'endpoints', value });
  }
  return items;
}

/** Whether a node's tasks can reach the service over one of their networks, or anybody can at the node itself. */
function concernsNode({ networks, ports }: ServiceEndpoints, uses: (networkId: string) => boolean): boolean {
  return networks.some(({ target }) => uses(target)) || ports.some((port) => port.mode === PublishMode.INGRESS);
}

function keyOf(item: AssignmentItem): string {
  return `${item.$case} ${idOf(item)}`;
}

function idOf(item: ToldItem | AssignmentItem): string {
  switch (item.$case) {
    case 'endpoints':
      return item.value.serviceId;
    case 'network':
      return item.value.network?.id ?? '';
    default:
      return item.value.id;
  }
}

/** Only as far as the node has to know: what it reports itself isn't sent back to it. */
function same(a: ToldItem, b: AssignmentItem): boolean {
  if (a.value === b.value) return true;
  if (a.$case === 'task' && b.$case === 'task') return a.value.desiredState === b.value.desiredState;
  if (a.$case !== 'network' || b.$case !== 'network') return false;
  return a.value.blocks.join() === b.value.blocks.join() && sameNetwork(a.value.network, b.value.network);
}

/** Whatever other nodes' blocks are. */
function sameNetwork(a: Network | undefined, b: Network | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return a === b;
  return encodedNetwork(a).equals(encodedNetwork(b));
}

/** Many nodes are told of the same network. */
const encodedNetworks = new WeakMap<Network, Buffer>();

function encodedNetwork(network: Network): Buffer {
  const known = encodedNetworks.get(network);
  if (known !== undefined) return known;
  const encoded = Buffer.from(Network.encode({ ...network, meta: undefined, blocks: [] }).finish());
  encodedNetworks.set(network, encoded);
  return encoded;
}

function idOnly($case: AssignmentItem['$case'], id: string): AssignmentItem {
  switch ($case) {
    case 'task':
      return { $case: 'task', value: Task.create({ id }) };
    case 'secret':
      return { $case: 'secret', value: { id, meta: undefined, spec: undefined, pendingDelete: false } };
    case 'config':
      return { $case: 'config', value: { id, meta: undefined, spec: undefined, pendingDelete: false } };
    case 'network':
      return { $case: 'network', value: { network: Network.create({ id }), blocks: [] } };
    case 'endpoints':
      return { $case: 'endpoints', value: { serviceId: id, serviceName: '', networks: [], ports: [], endpoints: [] } };
  }
}
