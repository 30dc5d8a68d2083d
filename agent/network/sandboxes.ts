/** The life of a container's sandbox, from the request to the last of its links. */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import type { ContainerPorts } from './container-ports.ts';
import type { NameServers } from './dns/name-servers.ts';
import { KeyedLock } from './keyed-lock.ts';
import type { NetworkModel } from './model.ts';
import type { Sandbox, SandboxRequest } from './networks.ts';
import { checkPort, type PortReservations } from './port-reservations.ts';
import type { Publishing } from './publishing.ts';
import { reattach } from './reattachment.ts';
import type { SandboxBuilder } from './sandbox-builder.ts';
import type { SandboxRecord } from './sandbox-record.ts';
import { settleAll } from './settle-all.ts';
import type { NetworkStore } from './store.ts';

export interface SandboxesParts {
  readonly model: NetworkModel;
  readonly store: NetworkStore;
  readonly builder: SandboxBuilder;
  readonly publishing: Publishing;
  readonly reservations: PortReservations;
  readonly ports: ContainerPorts;
  readonly nameServers: NameServers;
  /** Networks that have waited for their last container to go. */
  readonly removeRetired: () => Promise<void>;
  readonly logger: Logger;
}

/** What is done to one container is done one after the other. */
export class Sandboxes {
  readonly #parts: SandboxesParts;
  readonly #lock = new KeyedLock();
  /** Containers that have been torn down, but whose links the kernel is still deleting. */
  readonly #departing = new Map<string, Promise<void>>();

  constructor(parts: SandboxesParts) {
    this.#parts = parts;
  }

  /** Runs while nothing else is done to the container. */
  lock<T>(containerId: string, action: () => Promise<T>): Promise<T> {
    return this.#lock.run(containerId, action);
  }

  /** Resolves when the links of all that have been torn down are gone, and their addresses free. */
  async departed(): Promise<void> {
    await Promise.all(this.#departing.values());
  }

  /** As Networks.setup. */
  setup(request: SandboxRequest): Promise<Sandbox> {
    return this.lock(request.containerId, async () => {
      const { model, builder } = this.#parts;
      await this.#departing.get(request.containerId);
      const known = model.sandboxes.get(request.containerId);
      const isSame = known !== undefined && isDeepStrictEqual(asJson(known.request), asJson(request));
      if (isSame && known.ready) return builder.describe(known);
      if (known !== undefined && !isSame) {
        await this.#takeDown(known);
        await this.#departing.get(request.containerId);
      }
      const record = isSame ? known : await this.#assign(request);
      return builder.describe(await this.#build(record));
    });
  }

  /** As Networks.reattach. */
  reattach(request: SandboxRequest): Promise<Sandbox | undefined> {
    return this.lock(request.containerId, async () => {
      const { model, builder, ports, nameServers, removeRetired } = this.#parts;
      const known = model.sandboxes.get(request.containerId);
      if (known?.ready !== true || this.#departing.has(request.containerId)) return undefined;
      if (isDeepStrictEqual(asJson(known.request.networks), asJson(request.networks))) return builder.describe(known);
      const parts = { ...this.#parts, reservePorts: (record: SandboxRecord) => ports.reserve(record) };
      const next = await reattach(parts, known, { ...known.request, networks: request.networks });
      if (!nameServers.has(request.containerId)) await nameServers.open(next);
      await removeRetired();
      return builder.describe(next);
    });
  }

  /** As Networks.teardown. */
  teardown(containerId: string): Promise<void> {
    return this.lock(containerId, async () => {
      const record = this.#parts.model.sandboxes.get(containerId);
      if (record !== undefined && !this.#departing.has(containerId)) await this.#takeDown(record);
    });
  }

  async save(record: SandboxRecord): Promise<void> {
    await this.#parts.store.writeSandbox(record);
    this.#parts.model.putSandbox(record);
  }

  async #assign(request: SandboxRequest): Promise<SandboxRecord> {
    if (!/^[A-Za-z0-9][\w.-]*$/.test(request.containerId)) {
      throw new GantryError('INVALID_ARGUMENT', `"${request.containerId}" is not a container id`);
    }
    for (const port of request.ports) checkPort(port);
    try {
      return this.#parts.model.assign(request);
    } catch (error) {
      if (!(error instanceof GantryError) || error.code !== 'EXHAUSTED' || this.#departing.size === 0) throw error;
      // Containers that have gone give theirs back when their links are gone, too.
      await this.departed();
      return this.#parts.model.assign(request);
    }
  }

  /** What can be refused comes first; after a failure nothing is left. */
  async #build(assigned: SandboxRecord): Promise<SandboxRecord> {
    const { model, store, builder, ports, publishing } = this.#parts;
    // Kept from here on, so that nobody gets its addresses. After a crash before the record is on disk, recovery
    // finds a namespace and links that are nobody's, and removes them.
    model.putSandbox(assigned);
    try {
      const files = await builder.renderFiles(assigned);
      const record = await ports.reserve(assigned);
      model.putSandbox(record);
      await settleAll([
        this.#buildAndServe(record),
        builder.writeFiles(record, files),
        store.writeCursors(model.addresses.cursors()),
        publishing.sync(),
      ]);
      const ready = { ...record, ready: true };
      await this.save(ready);
      return ready;
    } catch (error) {
      await this.#takeDown(assigned);
      throw error;
    }
  }

  async #buildAndServe(record: SandboxRecord): Promise<void> {
    const { builder, nameServers } = this.#parts;
    await builder.createNamespace(record);
    await settleAll([builder.connect(record), nameServers.open(record)]);
  }

  /**
   * Its name goes first and its address last, so that nobody is sent to whoever gets the address next. The kernel
   * takes tens of milliseconds to delete a link: that, and the address, isn't waited for here.
   */
  async #takeDown(record: SandboxRecord): Promise<void> {
    const { model, store, builder, publishing, reservations, nameServers } = this.#parts;
    const { containerId } = record.request;
    const current = model.sandboxes.get(containerId) ?? record;
    model.putSandbox({ ...current, ready: false, ports: [] });
    await nameServers.close(containerId);
    // Rules before sockets: whoever gets the port next must not lose its traffic to them.
    await publishing.sync();
    await reservations.release(containerId);
    await builder.unpin(containerId);
    await store.removeSandbox(containerId);
    this.#departing.set(containerId, this.#depart(current));
    // Somebody may wait for the ports.
    if (current.ports.length > 0) await publishing.sync();
  }

  async #depart(record: SandboxRecord): Promise<void> {
    const { model, builder, removeRetired, logger } = this.#parts;
    const { containerId } = record.request;
    try {
      await builder.unplug(record);
      model.removeSandbox(containerId);
      await removeRetired();
    } catch (error) {
      // Its addresses stay taken, as its links are there; the next start of the agent removes them.
      logger.error({ err: error, containerId }, 'cannot delete the links of a container');
    } finally {
      this.#departing.delete(containerId);
    }
  }
}

/** As it reads back from disk: unset fields and prototypes don't tell requests apart. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
