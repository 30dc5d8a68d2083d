/** Addresses of IPv4 and IPv6 as packets and the kernel have them. Pure. */
import { formatIpv6, ipv6Bytes, ipv6FromBytes } from '../../../proto/ipv6/subnet6.ts';
import { formatIpv4, ipv4Bytes } from '../subnet.ts';

/** In network byte order. Throws INVALID_ARGUMENT. */
export function addressBytes(address: string): Buffer {
  return address.includes(':') ? ipv6Bytes(address) : ipv4Bytes(address);
}

/** Of 4 or 16 bytes in network byte order. */
export function addressFromBytes(bytes: Buffer): string {
  return bytes.length === 4 ? formatIpv4(bytes.readUInt32BE()) : formatIpv6(ipv6FromBytes(bytes));
}
