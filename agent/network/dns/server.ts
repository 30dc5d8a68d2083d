/**
 * One container's name server: 127.0.0.11:53, UDP and TCP, in the container's network namespace. Its sockets are on
 * ports of the kernel's choice and port 53 is redirected to them, so that a program in the container can have port 53
 * on all addresses: a name server of its own, say.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket as TcpSocket } from 'node:net';
import type { Logger } from 'pino';
import type { Native } from '../../../native/addon/native.ts';
import { RESOLVER_ADDRESS } from '../container-files.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../netlink/conntrack.ts';
import { replaceRedirections } from '../netlink/nat-rules.ts';
import { NETLINK_NETFILTER, type NetlinkNative, NetlinkSocket } from '../netlink/socket.ts';
import { FrameReader, frame, MAX_TCP_BYTES } from './wire.ts';

const PORT = 53;
const ANY_PORT = 0;
/** In the container's namespace. */
const TABLE = 'gantry-dns';
const TCP_IDLE_MS = 10_000;
const MAX_TCP_CONNECTIONS = 64;
/** Of one container at a time; further ones are dropped, and asked again by their resolver. */
const MAX_QUERIES = 256;

type DnsNative = NetlinkNative & Pick<Native, 'socketInNetns'>;

export type Transport = 'udp' | 'tcp';

/** Undefined: no answer. Must not throw. */
export type QueryHandler = (query: Buffer, transport: Transport) => Promise<Buffer | undefined>;

export class DnsServer {
  readonly #udp: Socket;
  readonly #tcp: Server;
  readonly #connections = new Set<TcpSocket>();
  readonly #handle: QueryHandler;
  #queries = 0;
  #closed = false;

  private constructor(udp: Socket, tcp: Server, handle: QueryHandler) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.#handle = handle;
  }

  static async open(native: DnsNative, netnsPath: string, handle: QueryHandler, logger: Logger): Promise<DnsServer> {
    const address = { netnsPath, address: RESOLVER_ADDRESS, port: ANY_PORT };
    const udp = createSocket('udp4');
    const tcp = createServer();
    const server = new DnsServer(udp, tcp, handle);
    const report = (err: Error): void => logger.warn({ err, netnsPath }, 'name server socket failed');
    udp.on('error', report).on('message', (query, from) => void server.#answerUdp(query, from.port, from.address));
    tcp.on('error', report).on('connection', (connection) => server.#serveTcp(connection));
    tcp.maxConnections = MAX_TCP_CONNECTIONS;
    try {
      // dgram reports an adopted socket as listening before bind returns.
      const udpListening = once(udp, 'listening');
      udp.bind({ fd: await native.socketInNetns({ ...address, type: 'udp' }), exclusive: true });
      await udpListening;
      tcp.listen({ fd: await native.socketInNetns({ ...address, type: 'tcp' }) });
      await once(tcp, 'listening');
      await server.#redirect(native, netnsPath);
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** From port 53 to the ports that the kernel chose. */
  async #redirect(native: NetlinkNative, netnsPath: string): Promise<void> {
    const socket = await NetlinkSocket.open(native, netnsPath, NETLINK_NETFILTER);
    try {
      const from = { address: RESOLVER_ADDRESS, port: PORT };
      await socket.run(
        replaceRedirections(TABLE, [
          { ...from, protocol: IPPROTO_UDP, toPort: this.#udp.address().port },
          { ...from, protocol: IPPROTO_TCP, toPort: (this.#tcp.address() as AddressInfo).port },
        ]),
      );
    } finally {
      await socket.close();
    }
  }

  async #answerUdp(query: Buffer, port: number, address: string): Promise<void> {
    const reply = await this.#answer(query, 'udp');
    // A client that has gone by now has no use for the answer; nor has a container that ended meanwhile.
    if (reply !== undefined && !this.#closed) this.#udp.send(reply, port, address, () => undefined);
  }

  #serveTcp(connection: TcpSocket): void {
    const reader = new FrameReader();
    this.#connections.add(connection);
    connection.on('close', () => this.#connections.delete(connection));
    // Reset by the client: 'close' follows.
    connection.on('error', () => undefined);
    connection.setTimeout(TCP_IDLE_MS, () => connection.destroy());
    connection.on('data', (chunk) => {
      for (const query of reader.push(chunk)) void this.#answerTcp(query, connection);
    });
  }

  async #answerTcp(query: Buffer, connection: TcpSocket): Promise<void> {
    const reply = await this.#answer(query, 'tcp');
    if (reply !== undefined && reply.length <= MAX_TCP_BYTES && connection.writable) connection.write(frame(reply));
  }

  async #answer(query: Buffer, transport: Transport): Promise<Buffer | undefined> {
    if (this.#queries >= MAX_QUERIES) return undefined;
    this.#queries += 1;
    try {
      return await this.#handle(query, transport);
    } finally {
      this.#queries -= 1;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.#connections) connection.destroy();
    const tcpClosed = this.#tcp.listening ? once(this.#tcp, 'close') : undefined;
    this.#tcp.close();
    const udpClosed = once(this.#udp, 'close');
    this.#udp.close();
    await Promise.all([udpClosed, tcpClosed]);
  }
}
