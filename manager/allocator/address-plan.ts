/** Blocks of a network of any kind, as the allocator gives them to nodes and as others foresee it. Pure. */
import { isMacvlan } from '../../proto/macvlan-options.ts';
import type { NetworkObject } from '../store/network.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { type BlockPlan, planBlocks } from './blocks.ts';
import { fixedAddressesOf, withFixedBlocks } from './fixed-addresses.ts';
import { planLanBlocks } from './lan-addresses.ts';
import { virtualIpsOf } from './virtual-ips.ts';

/** As `planBlocks`. */
export function planAddresses(
  read: ReadTransaction,
  network: NetworkObject,
  demand: ReadonlyMap<string, number>,
): BlockPlan {
  const nodes = read.find('node', { by: 'all' });
  if (isMacvlan(network.spec)) return planLanBlocks(network, demand, nodes);
  const present = new Set(nodes.map(({ id }) => id));
  const fixed = fixedAddressesOf(read, network);
  const taken = [...virtualIpsOf(read, network.id), ...fixed.map(({ address }) => address)];
  const blocks = withFixedBlocks(network.blocks, fixed, present);
  return planBlocks({ ...network, blocks }, demand, present, taken);
}

/** Whether the allocator will find addresses for so many tasks there, if it hasn't yet. */
export function canHave(read: ReadTransaction, network: NetworkObject, nodeId: string, tasks: number): boolean {
  return !planAddresses(read, network, new Map([[nodeId, tasks]])).exhausted.includes(nodeId);
}
