/** A set of pairs of each address and itself: rules can't compare where a packet is from with where it goes. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { addressBytes } from './ipv6/address-bytes.ts';
import type { Request } from './netlink/message.ts';
import { addElements, deleteElements, type NamedSet } from './netlink/nf-elements.ts';

export interface AddressPairs extends NamedSet {
  readonly addresses: ReadonlySet<string>;
}

/** For nft(8), whatever is in the set: to flush a table leaves it. */
export function renderPairs(pairs: AddressPairs | undefined): string {
  if (pairs === undefined) return '';
  const set = `${pairs.table.family} ${pairs.table.name} ${pairs.set}`;
  const elements = [...pairs.addresses].toSorted().map((address) => `${address} . ${address}`);
  const addition = elements.length === 0 ? [] : [`add element ${set} { ${elements.join(', ')} }`];
  return [`flush set ${set}`, ...addition, ''].join('\n');
}

/** What makes one of the other; empty when they are the same. Undefined when it isn't the same set. */
export function pairChanges(before: AddressPairs | undefined, after: AddressPairs | undefined): Request[] | undefined {
  if (before === undefined || after === undefined) return before === after ? [] : undefined;
  if (!isDeepStrictEqual([before.table, before.set], [after.table, after.set])) return undefined;
  return [
    ...deleteElements(after, [...before.addresses.difference(after.addresses)].map(pairKey)),
    ...addElements(after, [...after.addresses.difference(before.addresses)].map(pairKey)),
  ];
}

function pairKey(address: string): Buffer {
  return Buffer.concat([addressBytes(address), addressBytes(address)]);
}
