/** What this node must run and know, put together from the manager's messages. Pure. */
import type {
  AssignedNetwork,
  AssignmentChange,
  Assignments,
  AttachedContainer,
  EndpointChanges,
  NetworkPeer,
} from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { Config, Secret, ServiceEndpoints, Task } from '../../proto/generated/gantry/v1/types.ts';

export interface AssignmentSet {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly configs: ReadonlyMap<string, Config>;
  readonly networks: ReadonlyMap<string, AssignedNetwork>;
  /** By ids of network and node. */
  readonly peers: ReadonlyMap<string, NetworkPeer>;
  /** By service id. */
  readonly endpoints: ReadonlyMap<string, ServiceEndpoints>;
  /** Containers of no task that other nodes have: by ids of network, node and container. */
  readonly attached: ReadonlyMap<string, AttachedContainer>;
  /**
   * The same as told in earlier sessions, and neither confirmed nor revoked in this one: a manager that has just begun to
   * lead has yet to hear of them from their nodes.
   */
  readonly unconfirmed: ReadonlyMap<string, AttachedContainer>;
}

type ItemKind = NonNullable<AssignmentChange['item']>['$case'];

export const NO_ASSIGNMENTS: AssignmentSet = {
  tasks: new Map(),
  secrets: new Map(),
  configs: new Map(),
  networks: new Map(),
  peers: new Map(),
  endpoints: new Map(),
  attached: new Map(),
  unconfirmed: new Map(),
};

/**
 * The set after a message; a complete one starts from nothing, but for names that are to be kept until more is known. What the
 * message doesn't touch is the same map as before.
 */
export function mergeAssignments(set: AssignmentSet, message: Assignments): AssignmentSet {
  const from = message.complete ? { ...NO_ASSIGNMENTS, unconfirmed: allAttached(set) } : set;
  const touched = new Set<ItemKind | undefined>(message.changes.map(({ item }) => item?.$case));
  const copied = <Item>(items: ReadonlyMap<string, Item>, ...kinds: ItemKind[]) =>
    // Those that aren't touched aren't written to either.
    kinds.some((kind) => touched.has(kind)) ? new Map(items) : (items as Map<string, Item>);
  const next = {
    tasks: copied(from.tasks, 'task'),
    secrets: copied(from.secrets, 'secret'),
    configs: copied(from.configs, 'config'),
    networks: copied(from.networks, 'network'),
    peers: copied(from.peers, 'peer'),
    endpoints: copied(from.endpoints, 'endpoints', 'endpointChanges'),
    attached: copied(from.attached, 'attached'),
    unconfirmed: copied(from.unconfirmed, 'attached', 'attachedKnown'),
  };
  for (const change of message.changes) applyChange(next, change);
  return next;
}

/** As far as is known, also what is yet to be confirmed. */
export function allAttached({ attached, unconfirmed }: AssignmentSet): AssignmentSet['attached'] {
  return unconfirmed.size === 0 ? attached : new Map([...unconfirmed, ...attached]);
}

type Mutable<Set> = { [Key in keyof Set]: Set[Key] extends ReadonlyMap<infer Id, infer Item> ? Map<Id, Item> : never };

function applyChange(set: Mutable<AssignmentSet>, { item, removed }: AssignmentChange): void {
  switch (item?.$case) {
    case 'task':
      put(set.tasks, item.value.id, item.value, removed);
      break;
    case 'secret':
      put(set.secrets, item.value.id, item.value, removed);
      break;
    case 'config':
      put(set.configs, item.value.id, item.value, removed);
      break;
    case 'network':
      put(set.networks, item.value.network?.id ?? '', item.value, removed);
      break;
    case 'peer':
      put(set.peers, `${item.value.networkId} ${item.value.nodeId}`, item.value, removed);
      break;
    case 'endpoints':
      put(set.endpoints, item.value.serviceId, item.value, removed);
      break;
    case 'endpointChanges':
      changeEndpoints(set.endpoints, item.value);
      break;
    case 'attached': {
      const id = `${item.value.networkId} ${item.value.nodeId} ${item.value.containerId}`;
      put(set.attached, id, item.value, removed);
      set.unconfirmed.delete(id);
      break;
    }
    case 'attachedKnown':
      for (const [id, { networkId }] of set.unconfirmed) {
        if (networkId === item.value.networkId) set.unconfirmed.delete(id);
      }
      break;
    default:
      // A kind of item that a newer manager knows and this agent doesn't: nothing here depends on it.
      break;
  }
}

/** In the manager's order: by slot. */
function changeEndpoints(services: Map<string, ServiceEndpoints>, changes: EndpointChanges): void {
  const before = services.get(changes.serviceId);
  if (before === undefined) return;
  const gone = new Set([...changes.removedTaskIds, ...changes.changed.map(({ taskId }) => taskId)]);
  const endpoints = [...before.endpoints.filter(({ taskId }) => !gone.has(taskId)), ...changes.changed].sort(
    (a, b) => a.slot - b.slot || (a.taskId < b.taskId ? -1 : 1),
  );
  services.set(changes.serviceId, { ...before, endpoints });
}

function put<Item>(items: Map<string, Item>, id: string, item: Item, removed: boolean): void {
  if (removed) items.delete(id);
  else items.set(id, item);
}
