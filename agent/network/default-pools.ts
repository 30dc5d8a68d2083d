/** The subnet of a network that nobody chose one for. */
import { overlaps, parseSubnet, type Subnet } from './subnet.ts';

/** Docker's local pools: 172.17/16 to 172.31/16, then 192.168/16 in sixteen parts. */
const DEFAULT_POOLS: readonly Subnet[] = [
  ...Array.from({ length: 15 }, (_, index) => parseSubnet(`172.${17 + index}.0.0/16`)),
  ...Array.from({ length: 16 }, (_, index) => parseSubnet(`192.168.${16 * index}.0/20`)),
];

/** The first pool that overlaps nothing that is `taken`: routes of the host, other networks. */
export function chooseSubnet(taken: readonly Subnet[]): Subnet | undefined {
  return DEFAULT_POOLS.find((pool) => !taken.some((subnet) => subnet.prefixLength > 0 && overlaps(pool, subnet)));
}
