/**
 * Marks on connections that go from one node to another because of a published port. Pure.
 *
 *     0x47 | outgoing (1 bit) | number of the node that it came from (23 bits)
 *
 * The node that takes a connection from a client sends it on unchanged but for the destination, and marks it as outgoing: its
 * packets are routed by the table of other nodes. The node that has the task marks it with the number of the one that it came
 * from, and answers go back that way, since only that one can translate them. So the task sees the client's own address.
 */

const OURS = 0x4700_0000;
export const OURS_MASK = 0xff00_0000;
/** Of a connection; packets of it carry the mark without it. */
export const OUTGOING = 0x0080_0000;
export const ORIGIN_MASK = 0x007f_ffff;

/** Of packets to other nodes; also the number of the routing table for them. */
export const TOWARDS_NODES = OURS;
/** conntrack's zones, which tell connections from different nodes apart, have 16 bits. */
export const MOST_NODES = 0xffff;

/** Of packets back to the node with this number; also the number of its routing table. */
export function towardsOrigin(number: number): number {
  return OURS + number;
}

/** The number of the node that a table leads back to; undefined for another table. */
export function originOf(table: number): number | undefined {
  const number = table - OURS;
  return number > 0 && number <= MOST_NODES ? number : undefined;
}

/** Each node keeps its number; a new one gets the lowest that is free. Nodes that find none are left out. */
export function numberNodes(
  known: ReadonlyMap<string, number>,
  addresses: readonly string[],
): ReadonlyMap<string, number> {
  const numbers = new Map([...known].filter(([address]) => addresses.includes(address)));
  const taken = new Set(known.values());
  let next = 1;
  for (const address of addresses) {
    if (numbers.has(address)) continue;
    while (taken.has(next)) next += 1;
    if (next > MOST_NODES) break;
    numbers.set(address, next);
    taken.add(next);
  }
  return numbers;
}
