/** Which address comes next: a pure allocator over the blocks that a node has been given of a network. */
import { lastAddress, type Subnet } from './subnet.ts';

export interface AddressPool {
  readonly subnet: Subnet;
  readonly gateway: number;
  /** Parts of the subnet; addresses come from nowhere else. */
  readonly blocks: readonly Subnet[];
  /** Somebody else's. */
  readonly reserved: ReadonlySet<number>;
}

/**
 * The first free address after `last`, going round: an address that has just been given back is the last one to
 * be given again, so that whoever still remembers it doesn't reach a stranger. Undefined when all are taken.
 */
export function nextAddress(
  pool: AddressPool,
  taken: ReadonlySet<number>,
  last: number | undefined,
): number | undefined {
  const blocks = pool.blocks.toSorted((a, b) => a.base - b.base);
  const start = last === undefined ? 0 : last + 1;
  return firstFree(pool, blocks, taken, start, 2 ** 32) ?? firstFree(pool, blocks, taken, 0, start);
}

/** The lowest usable address in [from, to). */
function firstFree(
  pool: AddressPool,
  blocks: readonly Subnet[],
  taken: ReadonlySet<number>,
  from: number,
  to: number,
): number | undefined {
  for (const block of blocks) {
    const end = Math.min(lastAddress(block), to - 1);
    for (let address = Math.max(block.base, from); address <= end; address += 1) {
      if (isUsable(pool, address) && !taken.has(address)) return address;
    }
  }
  return undefined;
}

/** Not the gateway, nor the subnet's network and broadcast addresses; a /31 and a /32 have neither (RFC 3021). */
function isUsable(pool: AddressPool, address: number): boolean {
  if (address === pool.gateway || pool.reserved.has(address)) return false;
  if (pool.subnet.prefixLength >= 31) return true;
  return address !== pool.subnet.base && address !== lastAddress(pool.subnet);
}
