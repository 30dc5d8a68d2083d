/** IPv4 address ranges as numbers (RFC 4632). Pure. */
import { isIPv4 } from 'node:net';

export interface Cidr {
  /** First address, as an unsigned 32-bit number. */
  readonly base: number;
  readonly prefix: number;
}

/** Undefined for what isn't ADDRESS/PREFIX, or has host bits set. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', prefixText = '', ...rest] = text.split('/');
  const base = parseAddress(address);
  const prefix = Number(prefixText);
  if (base === undefined || rest.length > 0 || !/^\d{1,2}$/.test(prefixText) || prefix > 32) return undefined;
  return base % size({ base, prefix }) === 0 ? { base, prefix } : undefined;
}

export function parseAddress(text: string): number | undefined {
  if (!isIPv4(text)) return undefined;
  return text.split('.').reduce((value, octet) => value * 256 + Number(octet), 0);
}

export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.base)}/${cidr.prefix}`;
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
}

/** How many addresses it has. */
export function size({ prefix }: Cidr): number {
  return 2 ** (32 - prefix);
}

export function overlap(a: Cidr, b: Cidr): boolean {
  return a.base < b.base + size(b) && b.base < a.base + size(a);
}

export function contains(outer: Cidr, address: number): boolean {
  return address >= outer.base && address < outer.base + size(outer);
}

/** The first range of this prefix length in `pool` that overlaps none of `taken`. */
export function firstFree(pool: Cidr, prefix: number, taken: readonly Cidr[]): Cidr | undefined {
  const sorted = taken.filter((cidr) => overlap(pool, cidr)).sort((a, b) => a.base - b.base);
  const step = size({ base: 0, prefix });
  let base = pool.base;
  for (const cidr of sorted) {
    if (base + step <= cidr.base) break;
    const end = Math.max(base, cidr.base + size(cidr));
    base = Math.ceil(end / step) * step;
  }
  return base + step <= pool.base + size(pool) ? { base, prefix } : undefined;
}
