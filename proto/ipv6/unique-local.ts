/** The IPv6 subnet of a network that nobody chose one for. Pure. */
import { createHash } from 'node:crypto';
import { overlaps6, type Subnet6 } from './subnet6.ts';

const PREFIX_LENGTH = 64;
/** fd00::/8: unique local addresses whose other bits the site chooses itself (RFC 4193, 3.1). */
const LOCAL = 0xfdn << 120n;
/** More than one attempt is hardly ever needed: the bits are as good as random. */
const ATTEMPTS = 256;

/**
 * A /64 of fd00::/8 whose 40 bits of global and 16 bits of subnet id follow from `seed`, such as the network's id: the same for
 * the same seed, and on no other host. The first that overlaps nothing that is `taken`; undefined when there is none.
 */
export function uniqueLocalSubnet(seed: string, taken: readonly Subnet6[]): Subnet6 | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const digest = createHash('sha256').update(`${seed}/${attempt}`).digest();
    const id = BigInt(`0x${digest.toString('hex', 0, 7)}`);
    const subnet = { base: LOCAL | (id << 64n), prefixLength: PREFIX_LENGTH };
    if (!taken.some((other) => other.prefixLength > 0 && overlaps6(subnet, other))) return subnet;
  }
  return undefined;
}
