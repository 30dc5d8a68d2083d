/** IPv6 addresses and subnets as numbers. */
import { isIPv6 } from 'node:net';
import { GantryError } from '../errors.ts';

export interface Subnet6 {
  /** First address, 128 bits. */
  readonly base: bigint;
  readonly prefixLength: number;
}

const BITS = 128;
const GROUPS = 8;

/** Undefined for what isn't an address, and for one with a zone: "fe80::1%eth0". */
export function parseIpv6(text: string): bigint | undefined {
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const [head = '', tail] = text.split('::');
  const [before, after] = [groups(head), groups(tail ?? '')];
  const missing = Array.from({ length: GROUPS - before.length - after.length }, () => 0);
  return [...before, ...missing, ...after].reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** "1:203.0.113.9" → [0x1, 0xcb00, 0x7109] */
function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** However they are written. False for what isn't an address. */
export function isSameIpv6(a: string, b: string): boolean {
  const value = parseIpv6(a);
  return value !== undefined && value === parseIpv6(b);
}

/** In the one form that RFC 5952 (4) gives each address: lower case, the longest run of zeros left out. */
export function formatIpv6(value: bigint): string {
  const all = Array.from({ length: GROUPS }, (_, index) => Number((value >> BigInt(16 * (7 - index))) & 0xffffn));
  const { start, length } = longestZeros(all);
  const hex = all.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/** The first of equally long ones. */
function longestZeros(all: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  all.forEach((group, index) => {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  });
  return best;
}

/** Throws INVALID_ARGUMENT. */
export function requireIpv6(text: string): bigint {
  const value = parseIpv6(text);
  if (value === undefined) throw new GantryError('INVALID_ARGUMENT', `"${text}" is not an IPv6 address`);
  return value;
}

/** In network byte order. Throws INVALID_ARGUMENT. */
export function ipv6Bytes(text: string): Buffer {
  return Buffer.from(requireIpv6(text).toString(16).padStart(32, '0'), 'hex');
}

/** Of 16 bytes in network byte order. */
export function ipv6FromBytes(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

/** The subnet with `prefixLength` that the address lies in. */
export function subnet6Of(address: bigint, prefixLength: number): Subnet6 {
  const hostBits = BigInt(BITS - prefixLength);
  return { base: (address >> hostBits) << hostBits, prefixLength };
}

/** ADDRESS/LENGTH. Throws INVALID_ARGUMENT. */
export function parseSubnet6(cidr: string): Subnet6 {
  const [address = '', length = '', ...rest] = cidr.split('/');
  const value = parseIpv6(address);
  const prefixLength = /^\d{1,3}$/.test(length) ? Number(length) : BITS + 1;
  if (value === undefined || prefixLength > BITS || rest.length > 0) {
    throw new GantryError('INVALID_ARGUMENT', `"${cidr}" is not an IPv6 subnet`, { hint: 'write fd00:1:2:3::/64' });
  }
  return subnet6Of(value, prefixLength);
}

export function formatSubnet6(subnet: Subnet6): string {
  return `${formatIpv6(subnet.base)}/${subnet.prefixLength}`;
}

export function lastAddress6(subnet: Subnet6): bigint {
  return subnet.base + (1n << BigInt(BITS - subnet.prefixLength)) - 1n;
}

export function contains6(subnet: Subnet6, address: bigint): boolean {
  return address >= subnet.base && address <= lastAddress6(subnet);
}

/** Whether all of `inner` lies in `outer`. */
export function covers6(outer: Subnet6, inner: Subnet6): boolean {
  return contains6(outer, inner.base) && contains6(outer, lastAddress6(inner));
}

export function overlaps6(a: Subnet6, b: Subnet6): boolean {
  return a.base <= lastAddress6(b) && b.base <= lastAddress6(a);
}

/** The link-local address that follows from a MAC address (RFC 4291, appendix A). */
export function linkLocalOf(mac: string): string {
  const [first = 0, ...others] = mac.split(':').map((octet) => Number.parseInt(octet, 16));
  const eui = [first ^ 0x02, ...others.slice(0, 2), 0xff, 0xfe, ...others.slice(2)];
  return formatIpv6((0xfe80n << 112n) | eui.reduce((value, octet) => (value << 8n) | BigInt(octet), 0n));
}
