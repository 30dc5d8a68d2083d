/** The ports of the host that are a container's while it runs. */
import type { Logger } from 'pino';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { PortConfig } from '../../proto/generated/gantry/v1/types.ts';
import { isAmong, isChoice, publishedText } from '../../proto/published-port.ts';
import { isSecondOfPair, portsOfBoth } from './ipv6/ports6.ts';
import type { NetworkModel } from './model.ts';
import { isSamePort, type PortOwner, type PortReservations } from './port-reservations.ts';
import { displayName, type SandboxRecord } from './sandbox-record.ts';

export interface ContainerPortsParts {
  readonly model: Pick<NetworkModel, 'publishes' | 'defaultNetwork6'>;
  readonly reservations: PortReservations;
  readonly logger: Logger;
}

export class ContainerPorts {
  readonly #parts: ContainerPortsParts;

  constructor(parts: ContainerPortsParts) {
    this.#parts = parts;
  }

  /**
   * The record with the ports that it has got. A container whose networks are all internal publishes nothing, and neither
   * does one that goes out by macvlan. Throws PORT_IN_USE.
   */
  async reserve(record: SandboxRecord): Promise<SandboxRecord> {
    const { model, logger } = this.#parts;
    const { containerId, ports } = record.request;
    if (!model.publishes(record)) {
      if (ports.length > 0) {
        logger.warn({ containerId }, 'ports are not published: no network leads out by way of the host');
      }
      return { ...record, ports: [] };
    }
    const owner: PortOwner = { kind: 'container', id: containerId, name: displayName(record) };
    const reserved: PortConfig[] = [];
    for (const port of portsOfBoth(ports, model.defaultNetwork6(record) !== undefined)) {
      const first = reserved.at(-1);
      const wanted = isSecondOfPair(port, first) ? withPublished(port, first?.publishedPort ?? 0) : port;
      const isFree = (one: PortConfig) => !reserved.some((other) => isSamePort(one, other));
      const before = record.ports.find((one) => isSameTarget(one, port) && isFree(one));
      reserved.push(await this.#reserveOne(wanted, before, owner));
    }
    return { ...record, ports: reserved };
  }

  /** `before` is what the container had last time: a port chosen by the kernel is kept if it is still free. */
  async #reserveOne(port: PortConfig, before: PortConfig | undefined, owner: PortOwner): Promise<PortConfig> {
    const { reservations } = this.#parts;
    const held = reservations.heldBy(owner.id);
    const wanted = isChoice(port) ? before : port;
    if (wanted !== undefined && held.some((one) => isSamePort(one, wanted))) return wanted;
    if (isChoice(port) && before !== undefined) {
      const isFree = (await reservations.holderOf(before)) === undefined;
      if (isFree) return reservations.reserve(before, owner);
    }
    return port.publishedLast === undefined ? reservations.reserve(port, owner) : this.#reserveOneOf(port, owner);
  }

  /** The first of a range that nobody has. */
  async #reserveOneOf(port: PortConfig, owner: PortOwner): Promise<PortConfig> {
    const { publishedPort: first, publishedLast = first } = port;
    for (let published = first; published <= publishedLast; published += 1) {
      try {
        return await this.#parts.reservations.reserve(withPublished(port, published), owner);
      } catch (error) {
        if (toGantryError(error).code !== 'PORT_IN_USE') throw error;
      }
    }
    throw new GantryError('PORT_IN_USE', `no port of ${publishedText(port)} is free`, {
      hint: 'publish others, or stop what has one of them',
    });
  }
}

function withPublished(port: PortConfig, publishedPort: number): PortConfig {
  const { publishedLast: _, ...rest } = port;
  return { ...rest, publishedPort };
}

/** Whether one is the other as it was published before, if the kernel chose the port. */
function isSameTarget(before: PortConfig, port: PortConfig): boolean {
  const isSame = before.targetPort === port.targetPort && before.protocol === port.protocol;
  const isStill = port.publishedLast === undefined || isAmong(before.publishedPort, port);
  return isSame && isStill && before.hostIp === port.hostIp;
}
