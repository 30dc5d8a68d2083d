/** Addresses that are on a link and lead nowhere else: 169.254.0.0/16 (RFC 3927), fe80::/64 (RFC 4291, section 2.5.6). */
import { isIPv4 } from 'node:net';
import { GantryError } from './errors.ts';
import { parseIpv6 } from './ipv6/subnet6.ts';

export const LINK_LOCAL_PREFIX = 16;
export const LINK_LOCAL_PREFIX6 = 64;
const BASE6 = 0xfe80n << 48n;

export function isLinkLocal(address: string): boolean {
  if (isIPv4(address)) return address.startsWith('169.254.');
  const value = parseIpv6(address);
  return value !== undefined && value >> 64n === BASE6;
}

/** Throws INVALID_ARGUMENT. */
export function checkLinkLocal(addresses: readonly string[]): void {
  const wrong = addresses.find((address) => !isLinkLocal(address));
  if (wrong === undefined) return;
  throw new GantryError('INVALID_ARGUMENT', `"${wrong}" is not a link-local address`, {
    hint: 'it is one of 169.254.0.0/16 or fe80::/64',
  });
}
