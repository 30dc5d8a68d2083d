/** The address that other nodes reach this one at. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { parseAddress } from '../../proto/address.ts';
import { GantryError } from '../../proto/errors.ts';

/** Checks IP[:PORT] and returns it as it is; throws INVALID_ARGUMENT. */
export function parseAdvertiseAddress(text: string): string {
  const address = isIP(text) === 6 ? parseAddress(`tcp://[${text}]`) : parseAddress(`tcp://${text}`);
  if (address.kind !== 'tcp' || isIP(address.host) === 0) {
    throw new GantryError('INVALID_ARGUMENT', `invalid advertise address "${text}"`, { hint: 'write IP or IP:PORT' });
  }
  return text;
}

/** The address of the default route's interface; on a host without one its first, and loopback on a host without any. */
export function defaultAdvertiseAddress(): string {
  const interfaces = networkInterfaces();
  const name = defaultInterface(readFileSync('/proc/net/route', 'utf8'));
  const first = [name === undefined ? [] : (interfaces[name] ?? []), ...Object.values(interfaces)]
    .flatMap((addresses) => addresses ?? [])
    .find(isReachable);
  return first?.address ?? '127.0.0.1';
}

/** Name of the interface of the default route with the lowest metric, from the text of /proc/net/route (proc(5)). */
export function defaultInterface(routes: string): string | undefined {
  return routes
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1] === '00000000' && fields[7] === '00000000')
    .sort((one, other) => Number(one[6]) - Number(other[6]))
    .at(0)?.[0];
}

function isReachable({ family, internal }: NetworkInterfaceInfo): boolean {
  return family === 'IPv4' && !internal;
}
