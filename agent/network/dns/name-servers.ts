/** The name server of each container, which it reaches at 127.0.0.11. */
import type { Logger } from 'pino';
import type { Native } from '../../../native/addon/native.ts';
import type { RandomBytes } from '../../../proto/ids.ts';
import { RESOLVER_ADDRESS } from '../container-files.ts';
import type { NetworkModel } from '../model.ts';
import type { SandboxRecord } from '../sandbox-record.ts';
import { Forwarder } from './forwarder.ts';
import type { HostResolvConf } from './host-resolv-conf.ts';
import { Resolver, type ResolverContext } from './resolver.ts';
import { DnsServer } from './server.ts';

export interface NameServersParts {
  readonly native: Native;
  readonly model: NetworkModel;
  readonly hostResolvConf: HostResolvConf;
  /** Name servers to send queries on to; without them those in the host's resolv.conf. */
  readonly upstream: readonly string[] | undefined;
  /** Of a container's network namespace. */
  readonly pathOf: (containerId: string) => string;
  readonly random: RandomBytes;
  readonly logger: Logger;
}

export class NameServers {
  readonly #parts: NameServersParts;
  readonly #forwarder: Forwarder;
  readonly #resolver: Resolver;
  /** By container. */
  readonly #servers = new Map<string, DnsServer>();

  constructor(parts: NameServersParts) {
    this.#parts = parts;
    this.#forwarder = new Forwarder(parts.random, parts.logger);
    this.#resolver = new Resolver(this.#forwarder, parts.random, parts.logger);
  }

  has(containerId: string): boolean {
    return this.#servers.has(containerId);
  }

  /** Whoever is on no network has nobody to ask for, and gets none. */
  async open(record: SandboxRecord): Promise<void> {
    if (record.attachments.length === 0) return;
    const { native, pathOf, logger } = this.#parts;
    const { containerId } = record.request;
    const context = () => this.#contextOf(record);
    const server = await DnsServer.open(
      native,
      pathOf(containerId),
      (query, transport) => this.#resolver.resolve(query, transport, context),
      logger,
    );
    this.#servers.set(containerId, server);
  }

  async close(containerId: string): Promise<void> {
    await this.#servers.get(containerId)?.close();
    this.#servers.delete(containerId);
  }

  async closeAll(): Promise<void> {
    this.#forwarder.close();
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
    this.#servers.clear();
  }

  async #contextOf(record: SandboxRecord): Promise<ResolverContext> {
    const { model, hostResolvConf, upstream } = this.#parts;
    // The container's own name server would ask itself.
    const own = record.request.dns.filter((server) => server !== RESOLVER_ADDRESS);
    const host = upstream ?? (await hostResolvConf.read()).nameservers;
    // It may be on other networks by now.
    const current = model.sandboxes.get(record.request.containerId) ?? record;
    return { asker: model.asker(current), upstream: own.length > 0 ? own : host };
  }
}
