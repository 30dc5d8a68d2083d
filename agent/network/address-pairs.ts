/**
 * A set of pairs of addresses that are the same host's, mostly of each and itself: rules can't compare where a packet is from with
 * where it goes. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { addressBytes } from './ipv6/address-bytes.ts';
import type { Request } from './netlink/message.ts';
import { addElements, deleteElements, type NamedSet } from './netlink/nf-elements.ts';

const AND = ' . ';

export interface AddressPairs extends NamedSet {
  /** As `pairOf` writes them. */
  readonly pairs: ReadonlySet<string>;
}

/** As nft(8) writes it. */
export function pairOf(from: string, to: string): string {
  return `${from}${AND}${to}`;
}

/** For nft(8), whatever is in the set: to flush a table leaves it. */
export function renderPairs(pairs: AddressPairs | undefined): string {
  if (pairs === undefined) return '';
  const set = `${pairs.table.family} ${pairs.table.name} ${pairs.set}`;
  const elements = [...pairs.pairs].toSorted();
  const addition = elements.length === 0 ? [] : [`add element ${set} { ${elements.join(', ')} }`];
  return [`flush set ${set}`, ...addition, ''].join('\n');
}

/** What makes one of the other; empty when they are the same. Undefined when it isn't the same set. */
export function pairChanges(before: AddressPairs | undefined, after: AddressPairs | undefined): Request[] | undefined {
  if (before === undefined || after === undefined) return before === after ? [] : undefined;
  if (!isDeepStrictEqual([before.table, before.set], [after.table, after.set])) return undefined;
  return [
    ...deleteElements(after, [...before.pairs.difference(after.pairs)].map(pairKey)),
    ...addElements(after, [...after.pairs.difference(before.pairs)].map(pairKey)),
  ];
}

function pairKey(pair: string): Buffer {
  return Buffer.concat(pair.split(AND).map(addressBytes));
}
