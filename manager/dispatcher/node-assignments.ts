/**
 * What one node must run and know, what it was told of that, and what may have changed since. Looking costs as much as has
 * changed, however much the node runs: its tasks, also those that have ended (their logs are kept until the task is
 * forgotten), and what the live ones need: their networks, secrets and configs, the services on their networks, and all
 * published ports.
 */
import type { AssignmentChange, SessionHello } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { type Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { INGRESS_NETWORK } from '../../proto/ingress-network.ts';
import { canHave } from '../allocator/address-plan.ts';
import { roomOn } from '../allocator/blocks.ts';
import { blockOf } from '../allocator/fixed-addresses.ts';
import { credentialsFor } from '../images/pull-credentials.ts';
import { isForAll, type NetworkObject } from '../store/network.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { TaskObject } from '../store/task.ts';
import {
  hasBlock,
  ITEM_KINDS,
  type ItemKind,
  ingressItem,
  isDispatchable,
  isPublished,
  isSame,
  isShared,
  itemOfId,
  type Need,
  needsOf,
  networkItem,
  type RememberedItem,
  type RememberedKind,
  type SharedKind,
  type ToldItem,
  toTold,
} from './assignments.ts';
import type { AttachedTable } from './attached.ts';
import { endpointChanges } from './endpoint-changes.ts';
import type { EndpointTable } from './endpoints.ts';
import type { PeerTable } from './peers.ts';
import type { Withdrawals } from './withdrawals.ts';

/** Who is told. */
export type NodeAgent = Pick<SessionHello, 'nodeId' | 'takesEndpointChanges'>;

/** What there is beside the store. */
export interface Routing {
  readonly endpoints: EndpointTable;
  readonly peers: PeerTable;
  readonly attached: AttachedTable;
  readonly withdrawals: Pick<Withdrawals, 'isHeld'>;
}

const NO_NEEDS: readonly Need[] = [];

export class NodeAssignments {
  readonly nodeId: string;
  readonly #takesEndpointChanges: boolean;
  readonly #told: Readonly<Record<RememberedKind, Map<string, ToldItem>>> = {
    secret: new Map(),
    config: new Map(),
    network: new Map(),
    endpoints: new Map(),
    task: new Map(),
  };
  /** Ids of what may differ from what was told; of what nodes tell each other those of the networks. */
  readonly #stale: Readonly<Record<ItemKind, Set<string>>> = {
    secret: new Set(),
    config: new Set(),
    network: new Set(),
    peer: new Set(),
    attached: new Set(),
    endpoints: new Set(),
    task: new Set(),
  };
  #isAllStale: boolean = true;
  /** By task, as counted in `#users`. */
  readonly #needs = new Map<string, readonly Need[]>();
  /** How many of the node's tasks need a network, secret or config. */
  readonly #users: Readonly<Record<Need['kind'], Map<string, number>>> = {
    secret: new Map(),
    config: new Map(),
    network: new Map(),
  };

  /** Of the tasks that may differ, those that the node must know now. */
  readonly #here = new Map<string, TaskObject | undefined>();
  /** By network: whether there are no more addresses for this node, as far as it was looked up for what is being taken. */
  readonly #exhausted = new Map<string, boolean>();

  constructor({ nodeId, takesEndpointChanges }: NodeAgent) {
    this.nodeId = nodeId;
    this.#takesEndpointChanges = takesEndpointChanges;
  }

  get isStale(): boolean {
    return this.#isAllStale || ITEM_KINDS.some((kind) => this.#stale[kind].size > 0);
  }

  touch(kind: ItemKind, id: string): void {
    this.#stale[kind].add(id);
  }

  touchAll(): void {
    this.#isAllStale = true;
  }

  isTold(kind: RememberedKind, id: string): boolean {
    return this.#told[kind].has(id);
  }

  /** What to send to the node: what is new or changed, then what is gone. From here on it counts as told. */
  take(read: ReadTransaction, routing: Routing): AssignmentChange[] {
    if (this.#isAllStale) this.#markAll(read, routing.endpoints);
    this.#isAllStale = false;
    for (const id of this.#stale.task) {
      const task = this.#taskHere(read, id);
      this.#here.set(id, task);
      this.#countNeeds(id, task);
    }
    const added: AssignmentChange[] = [];
    const removed: AssignmentChange[] = [];
    for (const kind of ITEM_KINDS) {
      for (const id of this.#stale[kind]) {
        const changes = isShared(kind) ? this.#shared(kind, id, read, routing) : this.#change(kind, id, read, routing);
        for (const change of changes) (change.removed ? removed : added).push(change);
      }
      this.#stale[kind].clear();
    }
    // What was looked up would be of another state the next time.
    this.#here.clear();
    this.#exhausted.clear();
    // In reverse: a task goes before the networks and files that it used.
    return [...added, ...removed.reverse()];
  }

  #shared(kind: SharedKind, networkId: string, read: ReadTransaction, routing: Routing): AssignmentChange[] {
    const { peers, attached } = routing;
    const isOn = this.isTold('network', networkId);
    if (kind === 'peer') return isOn ? peers.take(networkId, this, read) : peers.leave(networkId, this);
    const isAttachable = read.get('network', networkId)?.spec.attachable === true;
    return isOn && isAttachable ? attached.take(networkId, this) : attached.leave(networkId, this);
  }

  #change(kind: RememberedKind, id: string, read: ReadTransaction, routing: Routing): AssignmentChange[] {
    const wanted = this.#wanted(kind, id, read, routing);
    const before = this.#told[kind].get(id);
    if (kind === 'network' && (before === undefined) !== (wanted === undefined)) this.#markAllOn(read, id);
    if (wanted === undefined) {
      this.#told[kind].delete(id);
      return before === undefined ? [] : [{ removed: true, item: itemOfId(kind, id) }];
    }
    this.#told[kind].set(id, toTold(wanted));
    return before !== undefined && isSame(before, wanted) ? [] : [this.#news(before, wanted)];
  }

  #news(before: ToldItem | undefined, wanted: RememberedItem): AssignmentChange {
    const all = { removed: false, item: wanted };
    if (!this.#takesEndpointChanges || before?.$case !== 'endpoints' || wanted.$case !== 'endpoints') return all;
    const changes = endpointChanges(before.value, wanted.value);
    return changes === 'all' ? all : { removed: false, item: { $case: 'endpointChanges', value: changes } };
  }

  #markAll(read: ReadTransaction, endpoints: EndpointTable): void {
    for (const kind of ITEM_KINDS) {
      if (!isShared(kind)) for (const id of this.#told[kind].keys()) this.touch(kind, id);
    }
    for (const id of this.#told.network.keys()) this.#markAllOn(read, id);
    this.touch('network', INGRESS_NETWORK);
    for (const network of read.find('network', { by: 'all' })) if (isForAll(network)) this.touch('network', network.id);
    for (const { id } of read.find('task', { by: 'node', value: this.nodeId })) this.touch('task', id);
    // Of the others only those on networks that the node comes to know.
    for (const service of endpoints.all()) if (isPublished(service)) this.touch('endpoints', service.serviceId);
  }

  #markAllOn(read: ReadTransaction, networkId: string): void {
    this.touch('peer', networkId);
    this.touch('attached', networkId);
    for (const { id } of read.find('service', { by: 'uses', value: networkId })) this.touch('endpoints', id);
  }

  /** Undefined when the node must not know the task, or not yet. */
  #taskHere(read: ReadTransaction, id: string): TaskObject | undefined {
    const task = read.get('task', id);
    if (task?.nodeId !== this.nodeId) return undefined;
    const isKnown = this.#needs.has(id);
    return isDispatchable(read, task, (network) => isKnown || this.#hasAddress(read, network, task)) ? task : undefined;
  }

  /** One that never will is told of the task at once, and says what is wrong. */
  #hasAddress(read: ReadTransaction, network: NetworkObject, { spec }: TaskObject): boolean {
    const own = spec.networks.find(({ target }) => target === network.id)?.ip;
    if (own !== undefined)
      return network.blocks.some(({ nodeId, cidr }) => nodeId === this.nodeId && cidr === blockOf(own));
    const tasks = this.#users.network.get(network.id) ?? 0;
    return tasks < roomOn(network, this.nodeId) || this.#isExhausted(read, network, tasks + 1);
  }

  #isExhausted(read: ReadTransaction, network: NetworkObject, tasks: number): boolean {
    const known = this.#exhausted.get(network.id) ?? !canHave(read, network, this.nodeId, tasks);
    this.#exhausted.set(network.id, known);
    return known;
  }

  #countNeeds(taskId: string, task: TaskObject | undefined): void {
    const before = this.#needs.get(taskId) ?? NO_NEEDS;
    const after = task === undefined ? NO_NEEDS : needsOf(task);
    if (before === after) return;
    for (const need of after) this.#countNeed(need, 1);
    for (const need of before) this.#countNeed(need, -1);
    if (after.length === 0) this.#needs.delete(taskId);
    else this.#needs.set(taskId, after);
  }

  #countNeed({ kind, id }: Need, by: 1 | -1): void {
    const users = this.#users[kind];
    const before = users.get(id) ?? 0;
    if (before + by === 0) users.delete(id);
    else users.set(id, before + by);
    if (before === 0 || before + by === 0) this.touch(kind, id);
  }

  #wanted(
    kind: RememberedKind,
    id: string,
    read: ReadTransaction,
    { endpoints, withdrawals }: Routing,
  ): RememberedItem | undefined {
    switch (kind) {
      case 'task': {
        const task = this.#here.get(id);
        if (task === undefined) return undefined;
        // Others may send to it: here, too, it goes on.
        const value = withdrawals.isHeld(id) ? { ...task, desiredState: TaskState.RUNNING } : task;
        return { $case: kind, value: withCredentials(read, value) };
      }
      case 'endpoints': {
        const value = endpoints.get(id);
        const isReachable = value?.networks.some(({ target }) => this.isTold('network', target)) ?? false;
        return value !== undefined && (isReachable || isPublished(value)) ? { $case: kind, value } : undefined;
      }
      case 'network': {
        const node = read.get('node', this.nodeId);
        if (id === INGRESS_NETWORK) return node && ingressItem(node);
        const network = read.get('network', id);
        const isHere =
          network && (this.#users.network.has(id) || (isForAll(network) && hasBlock(network, this.nodeId)));
        return isHere && node ? networkItem(network, node) : undefined;
      }
      case 'secret': {
        const secret = this.#users.secret.has(id) ? read.get('secret', id) : undefined;
        return secret && { $case: kind, value: secret };
      }
      case 'config': {
        const config = this.#users.config.has(id) ? read.get('config', id) : undefined;
        return config && { $case: kind, value: config };
      }
    }
  }
}

/** One that may yet have to pull its image is told who does, and no other. */
function withCredentials(read: ReadTransaction, task: TaskObject): Task {
  const service = task.status.state < TaskState.READY ? read.get('service', task.serviceId) : undefined;
  const pullCredentials = service && credentialsFor(task.spec.container.image, service);
  return pullCredentials === undefined ? task : { ...task, pullCredentials };
}
