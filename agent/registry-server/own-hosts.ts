/** By which names a registry may be pushed to: they become parts of images' names, and no push is to choose another's. Pure. */
import { isIP } from 'node:net';
import { parseReference } from '../../proto/image-reference.ts';
import { RegistryError } from './registry-error.ts';

export interface OwnHosts {
  readonly port: number;
  /** Without port: the node's name, and what it is advertised as. */
  readonly names: readonly string[];
  /** HOST[:PORT], as gantryd is told. */
  readonly further: readonly string[];
}

/**
 * The HOST[:PORT] that a request was sent to, as the beginning of an image's name. `localAddress` is where it came in. Throws
 * DENIED for a name that isn't this registry's.
 */
export function pushedHost(header: string | undefined, localAddress: string, own: OwnHosts): string {
  const host = (header ?? '').toLowerCase();
  const addresses = [...own.names, 'localhost', plainAddress(localAddress)].map((name) => withPort(name, own.port));
  const known = [...addresses, ...own.further].map((name) => name.toLowerCase());
  if (!known.includes(host)) {
    throw new RegistryError('DENIED', `this registry does not go by the name ${JSON.stringify(host.slice(0, 100))}`);
  }
  if (isDomain(host)) return host;
  throw new RegistryError('DENIED', `images can't be named after ${host}: call it by a name with a dot or a port`);
}

/** Of a socket for both families: "::ffff:10.0.0.1". */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}

function withPort(name: string, port: number): string {
  return `${isIP(name) === 6 ? `[${name}]` : name}:${port}`;
}

function isDomain(host: string): boolean {
  try {
    return parseReference(`${host}/image`).domain === host;
  } catch {
    // What can't be parsed is none.
    return false;
  }
}
