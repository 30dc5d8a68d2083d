/** Addresses that a daemon listens on and a client dials: unix:///path and tcp://host:port. */
import { isIP } from 'node:net';
import { GantryError } from './errors.ts';

export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export const DEFAULT_HOST = 'unix:///run/gantry/gantry.sock';
/** All traffic between nodes. */
export const CLUSTER_PORT = 2377;

const TCP = /^tcp:\/\/(\[[0-9a-fA-F:.]+\]|[^:/[\]]+)(?::(\d{1,5}))?$/;

/** Parses what `-H` and `--host` take. Throws INVALID_ARGUMENT. */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix://') && text.length > 'unix://'.length) {
    return { kind: 'unix', path: text.slice('unix://'.length) };
  }
  const match = TCP.exec(text);
  const port = Number(match?.[2] ?? CLUSTER_PORT);
  const host = match?.[1];
  if (host === undefined || port > 65535) {
    throw new GantryError('INVALID_ARGUMENT', `invalid address "${text}"`, {
      hint: 'write unix:///PATH or tcp://HOST:PORT',
    });
  }
  return { kind: 'tcp', host: host.replace(/^\[|\]$/g, ''), port };
}

/** IP[:PORT] of a node as IP and port. Throws INVALID_ARGUMENT. */
export function parseNodeAddress(text: string): { readonly kind: 'tcp'; readonly host: string; readonly port: number } {
  const address = parseAddress(`tcp://${isIP(text) === 6 ? `[${text}]` : text}`);
  if (address.kind === 'tcp' && isIP(address.host) !== 0) return address;
  throw new GantryError('INVALID_ARGUMENT', `invalid address "${text}"`, { hint: 'write IP or IP:PORT' });
}

/**
 * The port on all of this host's addresses: the advertised one may be that of a router before it. One that is only
 * advertised to this host itself isn't opened to others.
 */
export function listenAddress(advertiseAddr: string): { readonly host: string; readonly port: number } {
  const { host, port } = parseNodeAddress(advertiseAddr);
  if (host.startsWith('127.') || host === '::1') return { host, port };
  return { host: isIP(host) === 6 ? '::' : '0.0.0.0', port };
}

const IP_AND_PORT = /^(?:\[(?<six>[^\]]*)\]|(?<four>[^:]*)):(?<port>\d{1,5})$/;

/** IP:PORT to listen on. Throws INVALID_ARGUMENT, also without a port: there is none that everybody would expect. */
export function parseListenAddress(text: string): { readonly host: string; readonly port: number } {
  const { six, four, port = '0' } = IP_AND_PORT.exec(text)?.groups ?? {};
  const host = six ?? four ?? '';
  const family = six === undefined ? 4 : 6;
  if (isIP(host) === family && Number(port) > 0 && Number(port) <= 65535) return { host, port: Number(port) };
  throw new GantryError('INVALID_ARGUMENT', `invalid address "${text}"`, { hint: 'write IP:PORT or [IPv6]:PORT' });
}

/** The address as gRPC names a target. */
export function grpcTarget(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
