/**
 * Gives networks their VNI, and nodes blocks of addresses of the networks that their tasks use. Subnets and published ports are given
 * when a stack is deployed, so that a conflict can be told to the user who asked.
 */
import type { Logger } from 'pino';
import { type AddressBlock, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { isMacvlan } from '../../proto/macvlan-options.ts';
import type { ControlLoop } from '../control-loop.ts';
import { isForAll, type NetworkObject } from '../store/network.ts';
import { canHave, hasOtherMeans } from '../store/network-needs.ts';
import type { NodeObject } from '../store/node.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { needsAddress } from '../store/task.ts';
import { tasksOn } from '../store/tasks-on.ts';
import type { StoreEvent } from '../store/watch.ts';
import { planAddresses } from './address-plan.ts';
import { chooseVni } from './vni.ts';

/** Keys are ids of networks, for all nodes that use them, or ids of a network and of one node. */
export function allocatorLoop(logger: Logger): ControlLoop {
  return {
    name: 'allocator',
    kinds: ['task', 'network', 'node'],
    allKeys: networkIds,
    keysOf: (event, read) => {
      if (event.kind === 'network') return event.change === 'create' ? [event.object.id] : [];
      if (event.kind === 'node') return isNewTo(event) ? networkIds(read) : [];
      if (event.kind !== 'task' || event.object.status.state !== TaskState.ASSIGNED) return [];
      return event.object.spec.networks.map((network) => `${network.target} ${event.object.nodeId}`);
    },
    reconcile: (tx, key) => {
      const [networkId = '', nodeId] = key.split(' ');
      const network = tx.get('network', networkId);
      if (network === undefined) return undefined;
      const nodes = tx.find('node', { by: 'all' });
      const demand = demandOf(tx, networkId, nodeId);
      // Any node may have containers on it that nobody here knows of.
      if (isForAll(network)) for (const id of able(nodes, network)) if (!demand.has(id)) demand.set(id, 0);
      const { blocks, exhausted } = planAddresses(tx, network, demand);
      const vni = isMacvlan(network.spec) ? 0 : network.vni || chooseVni(networkId, takenVnis(tx));
      if (isOther(blocks, network.blocks) || vni !== network.vni) {
        tx.update('network', { ...network, blocks: [...blocks], vni });
      }
      if (exhausted.length > 0) logger.warn({ network: networkId, nodes: exhausted }, 'network has no addresses left');
      return undefined;
    },
  };
}

/** Those that stay are the same objects. */
function isOther(blocks: readonly AddressBlock[], before: readonly AddressBlock[]): boolean {
  return blocks.length !== before.length || blocks.some((block, at) => block !== before[at]);
}

/** A node that has come or gone, or can have other networks than before. */
function isNewTo({ change, object, previous }: StoreEvent & { readonly kind: 'node' }): boolean {
  return change !== 'update' || previous === undefined || hasOtherMeans(object, previous);
}

function able(nodes: readonly NodeObject[], network: NetworkObject): string[] {
  return nodes.filter((node) => canHave(node, network)).map(({ id }) => id);
}

function takenVnis(read: ReadTransaction): Set<number> {
  return new Set(read.find('network', { by: 'all' }).map(({ vni }) => vni));
}

function networkIds(read: ReadTransaction): string[] {
  return read.find('network', { by: 'all' }).map((network) => network.id);
}

/** Tasks per node that need an address of the network; of one node alone when that is given. */
function demandOf(read: ReadTransaction, networkId: string, nodeId: string | undefined): Map<string, number> {
  const tasks =
    nodeId === undefined ? read.find('task', { by: 'uses', value: networkId }) : tasksOn(read, networkId, nodeId);
  const demand = new Map<string, number>();
  for (const task of tasks) {
    if (needsAddress(task)) demand.set(task.nodeId, (demand.get(task.nodeId) ?? 0) + 1);
  }
  return demand;
}
