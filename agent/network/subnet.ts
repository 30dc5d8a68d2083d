/** IPv4 addresses and subnets as numbers. */
import { isIPv4 } from 'node:net';
import { GantryError } from '../../proto/errors.ts';

export interface Subnet {
  /** First address, as an unsigned 32-bit number. */
  readonly base: number;
  readonly prefixLength: number;
}

/** Undefined for what isn't a dotted quad. */
export function parseIpv4(text: string): number | undefined {
  if (!isIPv4(text)) return undefined;
  return text.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}

export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
}

/** In network byte order. Throws INVALID_ARGUMENT. */
export function ipv4Bytes(text: string): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(requireIpv4(text));
  return buffer;
}

/** Throws INVALID_ARGUMENT. */
export function requireIpv4(text: string): number {
  const value = parseIpv4(text);
  if (value === undefined) throw new GantryError('INVALID_ARGUMENT', `"${text}" is not an IPv4 address`);
  return value;
}

/** The subnet with `prefixLength` that the address lies in. */
export function subnetOf(address: number, prefixLength: number): Subnet {
  const size = 2 ** (32 - prefixLength);
  return { base: Math.floor(address / size) * size, prefixLength };
}

/** ADDRESS/LENGTH. Throws INVALID_ARGUMENT. */
export function parseSubnet(cidr: string): Subnet {
  const [address = '', length = '', ...rest] = cidr.split('/');
  const value = parseIpv4(address);
  const prefixLength = /^\d{1,2}$/.test(length) ? Number(length) : 33;
  if (value === undefined || prefixLength > 32 || rest.length > 0) {
    throw new GantryError('INVALID_ARGUMENT', `"${cidr}" is not an IPv4 subnet`, { hint: 'write 10.1.2.0/24' });
  }
  return subnetOf(value, prefixLength);
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatIpv4(subnet.base)}/${subnet.prefixLength}`;
}

export function lastAddress(subnet: Subnet): number {
  return subnet.base + 2 ** (32 - subnet.prefixLength) - 1;
}

export function contains(subnet: Subnet, address: number): boolean {
  return address >= subnet.base && address <= lastAddress(subnet);
}

/** Whether all of `inner` lies in `outer`. */
export function covers(outer: Subnet, inner: Subnet): boolean {
  return contains(outer, inner.base) && contains(outer, lastAddress(inner));
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  return a.base <= lastAddress(b) && b.base <= lastAddress(a);
}
