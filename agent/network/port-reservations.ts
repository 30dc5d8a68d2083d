/**
 * Published ports are held by real sockets of this process, so that the kernel refuses them to everybody else and
 * tells us when somebody has them. Traffic goes by the ruleset and never reaches these sockets, unless the port
 * leads nowhere at the moment: then TCP is reset and UDP dropped.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { GantryError } from '../../proto/errors.ts';
import { type PortConfig, PortProtocol } from '../../proto/generated/gantry/v1/types.ts';
import { parseIpv6 } from '../../proto/ipv6/subnet6.ts';
import { protocolName } from '../../proto/port-protocol.ts';
import { isOnIpv6 } from './ipv6/ports6.ts';
import { type RelayTarget, relay } from './ipv6/relay6.ts';
import { describeHolder } from './port-holder.ts';
import { ALL_ADDRESSES6, LOOPBACK6 } from './rules/rule-family.ts';
import { parseIpv4 } from './subnet.ts';

const ALL_ADDRESSES = '0.0.0.0';
const PROTOCOLS: ReadonlySet<PortProtocol> = new Set([PortProtocol.TCP, PortProtocol.UDP, PortProtocol.SCTP]);
/** As Linux chooses ports by default (ip_local_port_range). */
const FIRST_CHOSEN = 32_768;
const LAST_CHOSEN = 60_999;

export interface PortOwner {
  readonly kind: 'container' | 'service';
  readonly id: string;
  readonly name: string;
}

interface Reservation {
  readonly owner: PortOwner;
  readonly port: PortConfig;
  release(): Promise<void>;
}

/** Where a port leads on ::1; undefined: nowhere. */
export type RelayTargets = (port: Pick<PortConfig, 'hostIp' | 'publishedPort'>) => RelayTarget | undefined;

export class PortReservations {
  readonly #relayTargets: RelayTargets;
  #held: Reservation[] = [];

  constructor(relayTargets: RelayTargets = () => undefined) {
    this.#relayTargets = relayTargets;
  }

  /** The port with publishedPort set; 0 asks the kernel for a free one. Throws PORT_IN_USE, INVALID_ARGUMENT. */
  async reserve(port: PortConfig, owner: PortOwner): Promise<PortConfig> {
    checkPort(port);
    if (port.protocol === PortProtocol.SCTP) return this.#reserveSctp(port, owner);
    const { publishedPort, release } = await this.#bind(port);
    const reserved = { ...port, publishedPort };
    this.#held.push({ owner, port: reserved, release });
    return reserved;
  }

  /** Node has no such sockets: ours alone are held, so that no two of them meet. */
  #reserveSctp(port: PortConfig, owner: PortOwner): PortConfig {
    const reserved = port.publishedPort === 0 ? this.#freeSctp(port) : port;
    const held = reserved === undefined ? undefined : this.#overlapping(reserved);
    if (reserved === undefined || held !== undefined) throw inUse(port, held ? describeOwner(held.owner) : 'others');
    this.#held.push({ owner, port: reserved, release: async () => undefined });
    return reserved;
  }

  #freeSctp(port: PortConfig): PortConfig | undefined {
    for (let publishedPort = FIRST_CHOSEN; publishedPort <= LAST_CHOSEN; publishedPort++) {
      const chosen = { ...port, publishedPort };
      if (this.#overlapping(chosen) === undefined) return chosen;
    }
    return undefined;
  }

  /** All of the owner's, or the one. */
  async release(ownerId: string, port?: PortConfig): Promise<void> {
    const isReleased = (held: Reservation): boolean =>
      held.owner.id === ownerId && (port === undefined || isSamePort(held.port, port));
    const released = this.#held.filter(isReleased);
    this.#held = this.#held.filter((held) => !isReleased(held));
    await Promise.all(released.map((held) => held.release()));
  }

  heldBy(ownerId: string): PortConfig[] {
    return this.#held.filter(({ owner }) => owner.id === ownerId).map(({ port }) => port);
  }

  /** Who has the port, as "container web", "service shop_web" or "process nginx (pid 612)"; undefined if nobody. */
  async holderOf(port: PortConfig): Promise<string | undefined> {
    checkPort(port);
    if (port.publishedPort === 0) return undefined;
    const held = this.#overlapping(port);
    if (held !== undefined) return describeOwner(held.owner);
    if (port.protocol === PortProtocol.SCTP) return undefined;
    try {
      const { release } = await bind(port, this.#relayTargets);
      await release();
      return undefined;
    } catch (error) {
      // On a host without IPv6 nobody has it.
      if (isOnIpv6(port) && hasCode(error, 'EAFNOSUPPORT')) return undefined;
      if (!isAddressInUse(error)) throw bindFailure(port, error);
      return describeHolder(protocolName(port.protocol), port.publishedPort);
    }
  }

  async close(): Promise<void> {
    const held = this.#held;
    this.#held = [];
    await Promise.all(held.map((reservation) => reservation.release()));
  }

  async #bind(port: PortConfig): Promise<BoundPort> {
    try {
      return await bind(port, this.#relayTargets);
    } catch (error) {
      if (!isAddressInUse(error)) throw bindFailure(port, error);
      const held = this.#overlapping(port);
      const holder =
        held === undefined
          ? await describeHolder(protocolName(port.protocol), port.publishedPort)
          : describeOwner(held.owner);
      throw inUse(port, holder, error);
    }
  }

  #overlapping(port: PortConfig): Reservation | undefined {
    return this.#held.find(
      (held) =>
        held.port.protocol === port.protocol &&
        held.port.publishedPort === port.publishedPort &&
        isOnIpv6(held.port) === isOnIpv6(port) &&
        (isOnAll(held.port) || isOnAll(port) || held.port.hostIp === port.hostIp),
    );
  }
}

function describeOwner({ kind, name }: PortOwner): string {
  return `${kind} ${name}`;
}

function inUse(port: PortConfig, holder: string, cause?: unknown): GantryError {
  return new GantryError('PORT_IN_USE', `port ${describePort(port)} is in use by ${holder}`, {
    hint: 'publish another port, or stop what has it',
    cause,
  });
}

interface BoundPort {
  readonly publishedPort: number;
  release(): Promise<void>;
}

function bind(port: PortConfig, relayTargets: RelayTargets): Promise<BoundPort> {
  return port.protocol === PortProtocol.UDP ? bindUdp(port) : bindTcp(port, relayTargets);
}

function isOnAll({ hostIp }: PortConfig): boolean {
  return hostIp === '' || hostIp === ALL_ADDRESSES6;
}

/** Listening, for two sockets that only are bound may share a port when both have SO_REUSEADDR, as servers do. */
async function bindTcp({ hostIp, publishedPort }: PortConfig, relayTargets: RelayTargets): Promise<BoundPort> {
  const connections = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    connections.add(connection.once('close', () => connections.delete(connection)));
    relay(connection, relayTargets({ hostIp, publishedPort: bound }));
  });
  let bound = publishedPort;
  server.listen({ host: hostIp || ALL_ADDRESSES, port: publishedPort, exclusive: true, ipv6Only: true });
  await once(server, 'listening');
  const address = server.address();
  if (typeof address === 'object' && address !== null) bound = address.port;
  return {
    publishedPort: bound,
    release: async () => {
      server.close();
      for (const connection of connections) connection.destroy();
      await once(server, 'close');
    },
  };
}

async function bindUdp({ hostIp, publishedPort }: PortConfig): Promise<BoundPort> {
  const socket = hostIp.includes(':') ? createSocket({ type: 'udp6', ipv6Only: true }) : createSocket('udp4');
  // Read and drop, so that the receive buffer doesn't fill up.
  socket.on('message', () => undefined);
  socket.bind({ address: hostIp || ALL_ADDRESSES, port: publishedPort, exclusive: true });
  await once(socket, 'listening');
  return {
    publishedPort: socket.address().port,
    release: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** Throws INVALID_ARGUMENT, UNSUPPORTED. */
export function checkPort(port: PortConfig): void {
  if (!PROTOCOLS.has(port.protocol)) {
    throw new GantryError('UNSUPPORTED', `port ${port.publishedPort}: only tcp, udp and sctp can be published`);
  }
  if (!isPortNumber(port.targetPort) || (port.publishedPort !== 0 && !isPortNumber(port.publishedPort))) {
    throw new GantryError('INVALID_ARGUMENT', `port ${port.publishedPort}:${port.targetPort} is out of range`, {
      hint: 'ports are 1 to 65535',
    });
  }
  const isAddress = parseIpv4(port.hostIp) !== undefined || parseIpv6(port.hostIp) !== undefined;
  if (port.hostIp !== '' && !isAddress) {
    throw new GantryError('UNSUPPORTED', `port ${describePort(port)}: "${port.hostIp}" is not an IP address`, {
      hint: 'publish on an address of this host, or on none to publish on all',
    });
  }
  if (port.protocol !== PortProtocol.TCP && parseIpv6(port.hostIp) === parseIpv6(LOOPBACK6)) {
    throw new GantryError('UNSUPPORTED', `port ${describePort(port)}: only tcp can be published on ::1`, {
      hint: 'publish it on 127.0.0.1',
    });
  }
}

function isPortNumber(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65_535;
}

export function isSamePort(a: PortConfig, b: PortConfig): boolean {
  return a.protocol === b.protocol && a.publishedPort === b.publishedPort && a.hostIp === b.hostIp;
}

/** "127.0.0.1:8080/tcp" */
function describePort(port: PortConfig): string {
  const host = isOnIpv6(port) ? `[${port.hostIp}]` : port.hostIp;
  const address = host === '' ? '' : `${host}:`;
  return `${address}${port.publishedPort}/${protocolName(port.protocol)}`;
}

function isAddressInUse(error: unknown): boolean {
  return hasCode(error, 'EADDRINUSE');
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function bindFailure(port: PortConfig, error: unknown): GantryError {
  if (hasCode(error, 'EADDRNOTAVAIL')) {
    return new GantryError('INVALID_ARGUMENT', `cannot publish ${describePort(port)}: this host has no such address`, {
      cause: error,
    });
  }
  return new GantryError('HOST', `cannot publish ${describePort(port)}`, { cause: error });
}
