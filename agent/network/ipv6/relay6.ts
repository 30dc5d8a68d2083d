/**
 * Published ports on ::1. The kernel lets no packet from or to it leave the host, whatever rules say, so who connects there is
 * connected by this process, with the socket that holds the port: as Docker's userland proxy does it. Only TCP.
 */
import { connect, type Socket } from 'node:net';
import { LOOPBACK6 } from '../rules/rule-family.ts';

export interface RelayTarget {
  readonly address: string;
  readonly port: number;
}

/** Passes bytes both ways until both have ended. Anybody else than who has connected to ::1, or to nobody's port, is reset. */
export function relay(client: Socket, target: RelayTarget | undefined): void {
  client.on('error', () => undefined);
  if (target === undefined || client.localAddress !== LOOPBACK6) {
    client.resetAndDestroy();
    return;
  }
  const server = connect({ host: target.address, port: target.port, allowHalfOpen: true });
  server.once('error', () => client.resetAndDestroy());
  client.once('close', () => server.destroy());
  client.pipe(server).pipe(client);
}
