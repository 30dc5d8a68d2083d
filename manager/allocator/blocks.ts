/** Which blocks of a network's addresses each node has. Pure. */
import type { AddressBlock } from '../../proto/generated/gantry/v1/types.ts';
import type { NetworkObject } from '../store/network.ts';
import { type Cidr, contains, firstFree, formatCidr, parseAddress, parseCidr, size } from './cidr.ts';

/** 64 addresses: small enough for many nodes, large enough that most never need a second one. */
const BLOCK_PREFIX = 26;
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
 * are free again.
 */
export function planBlocks(
  network: NetworkObject,
  demand: ReadonlyMap<string, number>,
  present: ReadonlySet<string>,
): BlockPlan {
  const blocks = network.blocks.filter((block) => present.has(block.nodeId));
  const exhausted: string[] = [];
  const subnet = parseCidr(network.subnet);
  if (subnet === undefined) return { blocks, exhausted };
  const gateway = parseAddress(network.gateway);
  for (const [nodeId, tasks] of demand) {
    if (!present.has(nodeId)) continue;
    while (available(blocks, nodeId, subnet, gateway) < tasks + SPARE_ADDRESSES) {
      const block = nextBlock(subnet, blocks);
      if (block === undefined) break;
      blocks.push({ nodeId, cidr: formatCidr(block) });
    }
    if (available(blocks, nodeId, subnet, gateway) < tasks) exhausted.push(nodeId);
  }
  return { blocks, exhausted };
}

function nextBlock(subnet: Cidr, blocks: readonly AddressBlock[]): Cidr | undefined {
  const prefix = Math.max(BLOCK_PREFIX, subnet.prefix);
  return firstFree(
    subnet,
    prefix,
    blocks.flatMap((block) => parseCidr(block.cidr) ?? []),
  );
}

/** Addresses a node can give to containers: not the subnet's first and last, nor the gateway. */
function available(blocks: readonly AddressBlock[], nodeId: string, subnet: Cidr, gateway: number | undefined): number {
  const reserved = [subnet.base, subnet.base + size(subnet) - 1, gateway];
  let count = 0;
  for (const block of blocks) {
    const cidr = block.nodeId === nodeId ? parseCidr(block.cidr) : undefined;
    if (cidr === undefined) continue;
    count += size(cidr) - reserved.filter((address) => address !== undefined && contains(cidr, address)).length;
  }
  return count;
}
