/** What to do with a query: answer it from the name table, refuse it, or send it on. Pure. */
import { isIPv6 } from 'node:net';
import type { Answer, Question } from 'dns-packet';
import { contains6, formatIpv6, parseIpv6, type Subnet6 } from '../../../proto/ipv6/subnet6.ts';
import { contains, parseIpv4, type Subnet } from '../subnet.ts';
import { lookupAddress, lookupName, type NetworkNames } from './name-table.ts';

/** Short, so that a name that has moved is asked for again; not 0, which some caches take as "never ask again". */
export const TTL_SECONDS = 1;

export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4 } as const;

export type Decision =
  | { readonly kind: 'answer'; readonly rcode: number; readonly answers: readonly Answer[] }
  | { readonly kind: 'forward' };

export interface Asker {
  readonly tables: readonly NetworkNames[];
  /** Subnets of the asker's networks: their reverse names are ours alone. */
  readonly subnets: readonly Subnet[];
  /** The same of IPv6. */
  readonly subnets6: readonly Subnet6[];
  /** A container on internal networks only learns nothing from outside, and tells nothing to it. */
  readonly forwards: boolean;
  /** Set when the container chose its ndots itself: then its resolver completes single-label names. */
  readonly choseNdots: boolean;
}

/** `shuffle` spreads clients that take the first answer. */
export function decide(question: Question, asker: Asker, shuffle: <T>(items: readonly T[]) => T[]): Decision {
  if ((question.class ?? 'IN') !== 'IN') return forward(asker);
  if (question.type === 'PTR') return decideReverse(question.name, asker);
  const addresses = lookupName(asker.tables, question.name);
  if (addresses !== undefined) return answer(addressRecords(question, shuffle(addresses)));
  const isAddressQuery = question.type === 'A' || question.type === 'AAAA';
  if (asker.choseNdots && isAddressQuery && !question.name.includes('.')) return answer([]);
  return forward(asker);
}

/** A known name without addresses of the kind asked for is NODATA, never NXDOMAIN: that would deny the others too. */
function addressRecords(question: Question, addresses: readonly string[]): Answer[] {
  const type = question.type;
  if (type !== 'A' && type !== 'AAAA') return [];
  return addresses
    .filter((address) => isIPv6(address) === (type === 'AAAA'))
    .map((data) => ({ type, name: question.name, class: 'IN', ttl: TTL_SECONDS, data }));
}

function decideReverse(name: string, asker: Asker): Decision {
  const address = reversedAddress(name);
  if (address === undefined) return forward(asker);
  const data = lookupAddress(asker.tables, address);
  if (data !== undefined) return answer([{ type: 'PTR', name, class: 'IN', ttl: TTL_SECONDS, data }]);
  return isOurs(address, asker) ? { kind: 'answer', rcode: RCODE.NXDOMAIN, answers: [] } : forward(asker);
}

function isOurs(address: string, { subnets, subnets6 }: Asker): boolean {
  const [v4, v6] = [parseIpv4(address), parseIpv6(address)];
  if (v4 !== undefined) return subnets.some((subnet) => contains(subnet, v4));
  return v6 !== undefined && subnets6.some((subnet) => contains6(subnet, v6));
}

/** "4.3.2.1.in-addr.arpa" → "1.2.3.4"; and of 32 hexadecimal digits under ip6.arpa (RFC 3596, 2.5). */
function reversedAddress(name: string): string | undefined {
  const digits = /^((?:[0-9a-f]\.){32})ip6\.arpa$/i.exec(name)?.[1];
  if (digits !== undefined) return formatIpv6(BigInt(`0x${digits.replaceAll('.', '').split('').reverse().join('')}`));
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/i.exec(name);
  return match === null ? undefined : match.slice(1).reverse().join('.');
}

function answer(answers: readonly Answer[]): Decision {
  return { kind: 'answer', rcode: RCODE.NOERROR, answers };
}

function forward(asker: Asker): Decision {
  return asker.forwards ? { kind: 'forward' } : { kind: 'answer', rcode: RCODE.SERVFAIL, answers: [] };
}
