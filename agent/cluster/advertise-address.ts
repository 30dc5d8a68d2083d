/** The address that other nodes reach this one at. */
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { listenAddress, parseNodeAddress } from '../../proto/address.ts';
import { GantryError } from '../../proto/errors.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/** Checks IP[:PORT] and returns it as it is; throws INVALID_ARGUMENT. */
export function parseAdvertiseAddress(text: string): string {
  parseNodeAddress(text);
  return text;
}

/** The address of this host that `peer` sees. UNAVAILABLE when it can't be reached. */
export function addressTowards(peer: { readonly host: string; readonly port: number }): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...peer, timeout: CONNECT_TIMEOUT_MS });
    const fail = (reason: string) => {
      socket.destroy();
      const where = `${peer.host}, port ${peer.port}`;
      const hint = 'is that the address of a manager, and can this host reach it?';
      reject(new GantryError('UNAVAILABLE', `cannot reach ${where}: ${reason}`, { hint }));
    };
    socket.once('connect', () => {
      resolve(socket.localAddress ?? '');
      socket.destroy();
    });
    socket.once('timeout', () => fail('it does not answer'));
    socket.on('error', (error) => fail(error.message));
  });
}

/** PORT_IN_USE when something else on this host holds the port that a manager at this address listens on. */
export function checkPortFree(advertiseAddr: string): Promise<void> {
  const { host, port } = listenAddress(advertiseAddr);
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause) => {
      reject(
        new GantryError('PORT_IN_USE', `port ${port} of this host, for the cluster's other nodes, is in use`, {
          hint: 'stop what holds it, or choose another one with --advertise-addr IP:PORT',
          cause,
        }),
      );
    });
    server.listen(port, host, () => server.close(() => resolve()));
  });
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
