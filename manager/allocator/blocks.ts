/** Which blocks of a network's addresses each node has. Pure. */
import type { AddressBlock } from '../../proto/generated/gantry/v1/types.ts';
import type { NetworkObject } from '../store/network.ts';
import { rangeOf } from './address-range.ts';
import { type Cidr, contains, firstFree, formatCidr, parseAddress, parseCidr, size } from './cidr.ts';

/** 64 addresses: small enough for many nodes, large enough that most never need a second one. */
const BLOCK_PREFIX = 26;
/** Blocks of a small network are smaller, so that 16 nodes can have one; but no block is smaller than 4 addresses. */
const BLOCKS_BITS = 4;
const LONGEST_PREFIX = 30;
/** A task that is replaced and its successor hold an address each for a while. */
const SPARE_ADDRESSES = 8;

export interface BlockPlan {
  readonly blocks: readonly AddressBlock[];
  /** Nodes that need more addresses than the network has left. */
  readonly exhausted: readonly string[];
}

/**
 * The blocks that the network should have. `demand`: tasks per node that use the network; a node without any
 * keeps its blocks, since its agent may still hold addresses of them. Blocks of nodes that aren't `present`
 * are free again. `virtualIps`: addresses that services have, which are in no node's block.
 */
export function planBlocks(
  network: NetworkObject,
  demand: ReadonlyMap<string, number>,
  present: ReadonlySet<string>,
  virtualIps: readonly string[] = [],
): BlockPlan {
  const blocks = network.blocks.filter((block) => present.has(block.nodeId));
  const exhausted: string[] = [];
  const [subnet, range] = [parseCidr(network.subnet), rangeOf(network)];
  if (subnet === undefined || range === undefined) return { blocks, exhausted };
  const reserved = [subnet.base, subnet.base + size(subnet) - 1, parseAddress(network.gateway)];
  const room = new Map<string, number>();
  const add = ({ nodeId, cidr }: AddressBlock) => room.set(nodeId, (room.get(nodeId) ?? 0) + available(cidr, reserved));
  blocks.forEach(add);
  for (const [nodeId, tasks] of demand) {
    if (!present.has(nodeId)) continue;
    while ((room.get(nodeId) ?? 0) < tasks + SPARE_ADDRESSES) {
      const block = nextBlock(range, blocks, virtualIps);
      if (block === undefined) break;
      const given = { nodeId, cidr: formatCidr(block) };
      blocks.push(given);
      add(given);
    }
    if ((room.get(nodeId) ?? 0) < tasks) exhausted.push(nodeId);
  }
  return { blocks, exhausted };
}

function nextBlock(range: Cidr, blocks: readonly AddressBlock[], virtualIps: readonly string[]): Cidr | undefined {
  const prefix = Math.max(BLOCK_PREFIX, Math.min(range.prefix + BLOCKS_BITS, LONGEST_PREFIX));
  const taken = [...blocks.map(({ cidr }) => cidr), ...virtualIps.map((address) => `${address}/32`)];
  return firstFree(
    range,
    prefix,
    taken.flatMap((cidr) => parseCidr(cidr) ?? []),
  );
}

/** Addresses of a block that a node can give to containers: not the subnet's first and last, nor the gateway. */
function available(block: string, reserved: readonly (number | undefined)[]): number {
  const cidr = parseCidr(block);
  if (cidr === undefined) return 0;
  return size(cidr) - reserved.filter((address) => address !== undefined && contains(cidr, address)).length;
}
