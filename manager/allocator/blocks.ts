/** Which blocks of a network's addresses each node has. Pure. */
import type { AddressBlock } from '../../proto/generated/gantry/v1/types.ts';
import { isMacvlan } from '../../proto/macvlan-options.ts';
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
/** Addresses of a LAN are few: a range of them is given out in up to 64 blocks, of as little as one address, and with few to spare. */
const LAN_BLOCKS_BITS = 6;
const LAN_SPARE_ADDRESSES = 2;

export interface BlockPlan {
  readonly blocks: readonly AddressBlock[];
  /** Nodes that need more addresses than the network has left. */
  readonly exhausted: readonly string[];
}

/**
 * The blocks that the network should have. `demand`: tasks per node that use the network; a node without any
 * keeps its blocks, since its agent may still hold addresses of them. Blocks of nodes that aren't `present`
 * are free again. `taken`: addresses that services or hosts have, which are in no node's block. `ranges`: of nodes that
 * take theirs from a part of the network of their own, and give up what isn't in it.
 */
export function planBlocks(
  network: NetworkObject,
  demand: ReadonlyMap<string, number>,
  present: ReadonlySet<string>,
  taken: readonly string[] = [],
  ranges: ReadonlyMap<string, Cidr> = new Map(),
): BlockPlan {
  const blocks = network.blocks.filter(({ nodeId, cidr }) => present.has(nodeId) && isWithin(cidr, ranges.get(nodeId)));
  const exhausted: string[] = [];
  const [subnet, range] = [parseCidr(network.subnet), rangeOf(network)];
  if (subnet === undefined || range === undefined) return { blocks, exhausted };
  const nobodys = [...taken, ...Object.values(network.spec.auxAddresses)];
  const room = roomOfNodes({ ...network, blocks });
  const add = ({ nodeId, cidr }: AddressBlock) => room.set(nodeId, (room.get(nodeId) ?? 0) + available(network, cidr));
  for (const [nodeId, tasks] of demand) {
    if (!present.has(nodeId)) continue;
    while ((room.get(nodeId) ?? 0) < tasks + spareAddresses(network)) {
      const block = nextBlock(network, ranges.get(nodeId) ?? range, blocks, nobodys);
      if (block === undefined) break;
      const given = { nodeId, cidr: formatCidr(block) };
      blocks.push(given);
      add(given);
    }
    if ((room.get(nodeId) ?? 0) < tasks) exhausted.push(nodeId);
  }
  return { blocks, exhausted };
}

/** Of one that is for containers of no task, too, nobody here knows how many there are. */
function spareAddresses({ spec }: NetworkObject): number {
  return isMacvlan(spec) && !spec.attachable ? LAN_SPARE_ADDRESSES : SPARE_ADDRESSES;
}

function nextBlock(
  { spec }: NetworkObject,
  range: Cidr,
  blocks: readonly AddressBlock[],
  taken: readonly string[],
): Cidr | undefined {
  const prefix = isMacvlan(spec)
    ? Math.min(range.prefix + LAN_BLOCKS_BITS, 32)
    : Math.min(range.prefix + BLOCKS_BITS, LONGEST_PREFIX);
  const others = [...blocks.map(({ cidr }) => cidr), ...taken.map((address) => `${address}/32`)];
  return firstFree(
    range,
    Math.max(BLOCK_PREFIX, prefix),
    others.flatMap((cidr) => parseCidr(cidr) ?? []),
  );
}

/** Of objects that can't change any more: each task that a node is told of is asked for. */
const roomByNode = new WeakMap<NetworkObject, ReadonlyMap<string, number>>();

/** How many addresses of the network the node can give to containers. */
export function roomOn(network: NetworkObject, nodeId: string): number {
  const known = roomByNode.get(network) ?? roomOfNodes(network);
  if (Object.isFrozen(network)) roomByNode.set(network, known);
  return known.get(nodeId) ?? 0;
}

function roomOfNodes(network: NetworkObject): Map<string, number> {
  const room = new Map<string, number>();
  for (const { nodeId, cidr } of network.blocks) room.set(nodeId, (room.get(nodeId) ?? 0) + available(network, cidr));
  return room;
}

function isWithin(block: string, range: Cidr | undefined): boolean {
  const cidr = parseCidr(block);
  return range === undefined || (cidr !== undefined && contains(range, cidr.base));
}

/** Addresses of a block that a node can give to containers: not the subnet's first and last, nor the gateway. */
function available(network: NetworkObject, block: string): number {
  const [cidr, subnet] = [parseCidr(block), parseCidr(network.subnet)];
  if (cidr === undefined || subnet === undefined) return 0;
  const reserved = [subnet.base, subnet.base + size(subnet) - 1, parseAddress(network.gateway)];
  return size(cidr) - reserved.filter((address) => address !== undefined && contains(cidr, address)).length;
}
