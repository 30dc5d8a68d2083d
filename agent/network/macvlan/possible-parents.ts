/** Which links of a host containers could be on. Pure. */
import type { LinkAddress } from '../netlink/address.ts';
import type { Link } from '../netlink/link.ts';

/** Ethernet links, and what is made of them; the empty kind is a device. */
const KINDS: ReadonlySet<string> = new Set(['', 'bond', 'team', 'bridge', 'vlan', 'dummy', 'veth']);

/**
 * Their names, sorted. Of veths only those with an address of their own: they lead to whoever has the other end, and most
 * are those of other engines' containers, which come and go.
 */
export function possibleParents(
  links: readonly Link[],
  addresses: readonly LinkAddress[],
  ownPrefix: string,
): readonly string[] {
  const addressed = new Set(addresses.map(({ linkIndex }) => linkIndex));
  return links
    .filter(({ name, kind, master, index }) => {
      const isForeign = name !== 'lo' && !name.startsWith(ownPrefix);
      return isForeign && master === undefined && KINDS.has(kind) && (kind !== 'veth' || addressed.has(index));
    })
    .map(({ name }) => name)
    .toSorted();
}
