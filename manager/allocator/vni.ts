/** Network identifiers (VNI, RFC 7348) that tell networks' packets between nodes from each other. Pure. */
import { createHash } from 'node:crypto';

/** Those below are left to whoever makes VXLANs by hand on the same hosts. */
const FIRST = 4096;
const COUNT = 2 ** 24 - FIRST;

/**
 * One that no other network has. It follows from the network's id, so that the number of one that was just removed, and that
 * a node may still have, isn't given again.
 */
export function chooseVni(networkId: string, taken: ReadonlySet<number>): number {
  let offset = createHash('sha256').update(networkId).digest().readUInt32BE() % COUNT;
  while (taken.has(FIRST + offset)) offset = (offset + 1) % COUNT;
  return FIRST + offset;
}
