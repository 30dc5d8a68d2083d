/** What happens to pending tasks. Pure. */
import { type GenericResource, type PlacementStrategy, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { slotName } from '../../proto/task-name.ts';
import type { ImageHolders } from '../images/node-images.ts';
import { preStartOf } from '../placement/pre-start.ts';
import { rulesOf } from '../placement/rules.ts';
import type { NetworkPeer } from '../placement/shared-network.ts';
import type { NeedyNetwork } from '../store/network-needs.ts';
import type { ServiceObject } from '../store/service.ts';
import { isWanted, type TaskObject } from '../store/task.ts';
import type { Homes } from '../volumes/homes.ts';
import { NodeChooser } from './node-chooser.ts';
import type { NodeInfo } from './node-info.ts';

export type Placement =
  /** Not to be placed: somebody else decides when. */
  | { readonly outcome: 'held' }
  | { readonly outcome: 'not-before'; readonly timeMs: number }
  | {
      readonly outcome: 'assigned';
      readonly nodeId: string;
      readonly genericResources: readonly GenericResource[];
      /** Whose network it is on; undefined: its own. */
      readonly networkTaskId: string | undefined;
      /** For all of its service. */
      readonly runsPreStart: true | undefined;
    }
  | { readonly outcome: 'unplaceable'; readonly reason: string };

/** What of the world counts, beside the nodes. */
export interface Circumstances {
  readonly images: Pick<ImageHolders, 'holdersOf'>;
  /** Of services that don't say. */
  readonly defaultStrategy: PlacementStrategy;
  /** Where the volumes are that a task mounts. */
  readonly homesOf: (task: TaskObject) => Homes | undefined;
  readonly networkPeerOf: (task: TaskObject) => NetworkPeer;
  readonly tasksOf: (service: ServiceObject) => readonly TaskObject[];
  /** Those networks of a task that not every node may be able to have. */
  readonly needyNetworksOf: (task: TaskObject) => readonly NeedyNetwork[];
  readonly nowMs: number;
}

/** Tasks placed at one moment. Between two of them nothing may change on the nodes but that the first is counted there. */
export class PlacementRound {
  readonly #nodes: ReadonlyMap<string, NodeInfo>;
  readonly #circumstances: Circumstances;
  /** Of the last task's service and version: the tasks of a service mostly come together. */
  #latest: { readonly of: string; readonly chooser: NodeChooser } | undefined;

  constructor(nodes: ReadonlyMap<string, NodeInfo>, circumstances: Circumstances) {
    this.#nodes = nodes;
    this.#circumstances = circumstances;
  }

  /** `service` is undefined when it has been removed. */
  place(task: TaskObject, service: ServiceObject | undefined): Placement {
    if (task.status.state >= TaskState.ASSIGNED || !isWanted(task)) return { outcome: 'held' };
    if (service === undefined || service.pendingDelete || !service.dependenciesMet) return { outcome: 'held' };
    if (this.#circumstances.nowMs < task.startAfterMs) return { outcome: 'not-before', timeMs: task.startAfterMs };
    const preStart = preStartOf(task, service, this.#circumstances.tasksOf);
    if (preStart.kind === 'awaited') return { outcome: 'unplaceable', reason: preStart.reason };
    const peer = this.#circumstances.networkPeerOf(task);
    if (peer.kind === 'awaited') return { outcome: 'unplaceable', reason: peer.reason };
    const networkTask = peer.kind === 'task' ? peer.task : undefined;
    const choice = this.#chooserFor(task, service, networkTask).next();
    if ('reason' in choice) return { outcome: 'unplaceable', reason: choice.reason };
    const { info } = choice;
    const genericResources = info.chooseGenericResources(task);
    const runsPreStart = preStart.kind === 'runs' ? true : undefined;
    return {
      outcome: 'assigned',
      nodeId: info.node.id,
      genericResources,
      networkTaskId: networkTask?.id,
      runsPreStart,
    };
  }

  #chooserFor(task: TaskObject, service: ServiceObject, networkTask: TaskObject | undefined): NodeChooser {
    const { images, defaultStrategy, homesOf, needyNetworksOf, nowMs } = this.#circumstances;
    const homes = withNode(homesOf(task), networkTask);
    const of = `${service.id} ${task.specVersion} ${task.nodeId}${homes === undefined ? '' : ` ${task.id}`}`;
    if (this.#latest?.of === of) return this.#latest.chooser;
    const rules = rulesOf(service.spec.placement);
    const holders = images.holdersOf(task.spec.container.image);
    const strategy = rules.strategy || defaultStrategy;
    const wanted = { task, rules, strategy, holders, homes, needyNetworks: needyNetworksOf(task) };
    const chooser = new NodeChooser(wanted, candidates(task, homes, this.#nodes), this.#nodes, nowMs);
    this.#latest = { of, chooser };
    return chooser;
  }
}

/** Who shares a task's network is where that is. */
function withNode(homes: Homes | undefined, networkTask: TaskObject | undefined): Homes | undefined {
  if (networkTask === undefined) return homes;
  const { nodeId, serviceName } = networkTask;
  const reason = `task ${serviceName}.${slotName(networkTask)}, whose network it shares, is on another one`;
  if (homes === undefined) return { nodeIds: [nodeId], reason };
  return { nodeIds: homes.nodeIds.filter((id) => id === nodeId), reason: `${homes.reason}, ${reason}` };
}

/** A task of a global service has its node from the start, and one whose volumes are somewhere few to choose from. */
function candidates(
  { nodeId }: TaskObject,
  homes: Homes | undefined,
  nodes: ReadonlyMap<string, NodeInfo>,
): Iterable<NodeInfo> {
  const ids = nodeId === '' ? homes?.nodeIds : [nodeId];
  return ids === undefined ? nodes.values() : ids.flatMap((id) => nodes.get(id) ?? []);
}
