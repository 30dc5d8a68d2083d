/** Gives pending tasks nodes. */
import { PlacementStrategy, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { sharedService } from '../../proto/shared-namespaces.ts';
import type { ControlLoop } from '../control-loop.ts';
import type { ImageHolders } from '../images/node-images.ts';
import type { ManagerMetrics } from '../metrics/manager-metrics.ts';
import { chooseNetworkPeer, type NetworkPeer } from '../placement/shared-network.ts';
import { needyNetworksOf } from '../store/network-needs.ts';
import type { ServiceObject } from '../store/service.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { TaskObject } from '../store/task.ts';
import type { WriteTransaction } from '../store/transaction.ts';
import type { StoreEvent } from '../store/watch.ts';
import { homesOf } from '../volumes/homes.ts';
import { ClusterView } from './cluster-view.ts';
import { type Placement, PlacementRound } from './placement.ts';

/** One key: tasks compete for the same nodes. */
const ALL = ['all'];

/** Tasks of one turn: to place, and to count when the loop begins. */
const PLACED_AT_ONCE = 200;
const LOADED_AT_ONCE = 1000;

export function schedulerLoop(
  metrics: Pick<ManagerMetrics, 'placed'>,
  images: Pick<ImageHolders, 'holdersOf'>,
): ControlLoop {
  let view: ClusterView | undefined;
  return {
    name: 'scheduler',
    kinds: ['task', 'node', 'service', 'volumePin'],
    allKeys: (read) => {
      view = new ClusterView(read);
      return ALL;
    },
    keysOf: (event, read) => {
      const waitedMs = waitOfPlaced(event);
      if (waitedMs !== undefined) metrics.placed(waitedMs);
      view?.apply(event, read);
      const isAwaited = givesRoom(event) || givesNetwork(event, read);
      if (isAwaited) view?.queue.lookAgain();
      return isAwaited || isPending(event) ? ALL : [];
    },
    reconcile: (tx, _key, nowMs) => (view === undefined ? undefined : placeSome(tx, view, images, nowMs)),
  };
}

/** How long a task had waited that has got a node with this event: counted once its commit says so, and not before. */
function waitOfPlaced(event: StoreEvent): number | undefined {
  if (event.kind !== 'task' || event.change !== 'update' || event.previous === undefined) return undefined;
  const { status, meta } = event.object;
  if (status.state !== TaskState.ASSIGNED || event.previous.status.state >= TaskState.ASSIGNED) return undefined;
  return Math.max(0, status.timestampMs - meta.createdAtMs);
}

function isPending(event: StoreEvent): boolean {
  return event.kind === 'task' && event.object.status.state < TaskState.ASSIGNED;
}

/** Tasks that couldn't be placed before may be so now. */
function givesRoom(event: StoreEvent): boolean {
  if (event.kind === 'node') return true;
  if (event.kind === 'volumePin') return event.change === 'remove';
  if (event.kind === 'service') {
    const { object, previous } = event;
    if (object.dependenciesMet !== previous?.dependenciesMet) return true;
    return object.spec.placement !== previous.spec.placement || object.preStartVersion !== previous.preStartVersion;
  }
  return event.kind === 'task' && (event.object.status.state > TaskState.RUNNING || event.change === 'remove');
}

/** A task has a node now, where others can share its network. */
function givesNetwork(event: StoreEvent, read: ReadTransaction): boolean {
  if (event.kind !== 'task' || event.object.status.state !== TaskState.ASSIGNED) return false;
  return read.count('service', 'sharesNetwork', event.object.serviceName) > 0;
}

function networkPeerOf(read: ReadTransaction, task: TaskObject): NetworkPeer {
  const service = sharedService(task.spec.container);
  const [host] = service === undefined ? [] : read.find('service', { by: 'name', value: service });
  const tasks = host === undefined ? [] : read.find('task', { by: 'service', value: host.id });
  return chooseNetworkPeer(task, host, tasks);
}

/** When to go on. */
function placeSome(
  tx: WriteTransaction,
  view: ClusterView,
  images: Pick<ImageHolders, 'holdersOf'>,
  nowMs: number,
): number | undefined {
  if (!view.load(LOADED_AT_ONCE)) return nowMs;
  const due = view.queue.due(PLACED_AT_ONCE, nowMs);
  // A turn whose transaction failed may have left them on nodes.
  for (const id of due) view.release(id);
  const circumstances = {
    images,
    defaultStrategy: defaultStrategy(tx),
    homesOf: (task: TaskObject) => homesOf(tx, task),
    networkPeerOf: (task: TaskObject) => networkPeerOf(tx, task),
    tasksOf: (service: ServiceObject) => tx.find('task', { by: 'service', value: service.id }),
    needyNetworksOf: (task: TaskObject) => needyNetworksOf(tx, task),
    nowMs,
  };
  const round = new PlacementRound(view.nodes, circumstances);
  for (const id of due) {
    const task = tx.get('task', id);
    if (task === undefined) continue;
    const placement = round.place(task, tx.get('service', task.serviceId));
    if (placement.outcome === 'not-before') view.queue.seen(id, placement.timeMs);
    else if (placement.outcome === 'held') view.queue.seen(id);
    // What changes stays due: only its commit says that it was done.
    else if (placement.outcome === 'assigned') assign(tx, view, task, placement, nowMs);
    else if (task.status.message === placement.reason) view.queue.seen(id);
    else explain(tx, task, placement.reason, nowMs);
  }
  return view.queue.nextMs(nowMs);
}

function defaultStrategy(read: ReadTransaction): PlacementStrategy {
  return read.find('cluster', { by: 'all' })[0]?.spec.strategy ?? PlacementStrategy.UNSPECIFIED;
}

type Assignment = Extract<Placement, { readonly outcome: 'assigned' }>;

function assign(
  tx: WriteTransaction,
  view: ClusterView,
  task: TaskObject,
  { nodeId, genericResources, networkTaskId, runsPreStart }: Assignment,
  nowMs: number,
): void {
  const status = { ...task.status, state: TaskState.ASSIGNED, timestampMs: nowMs, message: '' };
  const given = {
    nodeId,
    genericResources: [...genericResources],
    networkTaskId,
    runsPreStart,
  };
  const assigned = tx.update('task', { ...task, ...given, status });
  // The next task of this turn must see what this one takes.
  view.place(assigned);
}

function explain(tx: WriteTransaction, task: TaskObject, reason: string, nowMs: number): void {
  tx.update('task', { ...task, status: { ...task.status, timestampMs: nowMs, message: reason } });
}
