/** Brings the kernel in line with what is on disk, after a start of the agent. */
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import { chooseSubnet } from './default-pools.ts';
import type { HostLinks } from './host-links.ts';
import { privateParentNames } from './link-names.ts';
import type { NetworkModel } from './model.ts';
import { findOverlap } from './network-overlap.ts';
import { DEFAULT_NETWORK, localNetwork, type NetworkRecord } from './network-record.ts';
import { planRecovery, type RecoveryStep } from './recovery-plan.ts';
import type { SandboxBuilder } from './sandbox-builder.ts';
import type { SandboxRecord } from './sandbox-record.ts';
import type { Sandboxes } from './sandboxes.ts';
import type { NetworkStore } from './store.ts';
import { parseSubnet } from './subnet.ts';

export interface RecoveryParts {
  readonly instance: string;
  readonly model: NetworkModel;
  readonly store: NetworkStore;
  readonly links: HostLinks;
  readonly builder: SandboxBuilder;
  readonly sandboxes: Pick<Sandboxes, 'save'>;
  /** Milliseconds since the Unix epoch. */
  readonly clock: () => number;
  readonly logger: Logger;
}

export class Recovery {
  readonly #parts: RecoveryParts;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /** What was known when the last agent ended; `live` are the containers that exist. First of all. */
  async load(live: ReadonlySet<string>): Promise<void> {
    const { model, store } = this.#parts;
    await store.removeTemporaries();
    const [networks, services, sandboxes, cursors] = await Promise.all([
      store.readNetworks(),
      store.readServices(),
      store.readSandboxes(),
      store.readCursors(),
    ]);
    for (const network of networks) model.putNetwork(network);
    for (const sandbox of sandboxes) model.putSandbox(sandbox);
    model.setServices(services);
    model.addresses.restore(
      sandboxes.filter(({ request }) => live.has(request.containerId)),
      cursors,
    );
    await this.#ensureLocalNetwork();
  }

  /** Bridges, links and namespaces: what is missing is made, what is nobody's removed. Returns how many steps that took. */
  async restore(live: ReadonlySet<string>): Promise<number> {
    const { instance, model, links, builder } = this.#parts;
    const networks = [...model.networks.values()];
    const plan = planRecovery({
      instance,
      live,
      sandboxes: [...model.sandboxes.values()],
      networkIds: networks.filter((network) => needsBridge(model, network)).map(({ id }) => id),
      overlayIds: networks.filter(({ overlay }) => overlay).map(({ id }) => id),
      parents: networks
        .filter(({ macvlan }) => macvlan !== undefined)
        .flatMap(({ id }) => privateParentNames(instance, id)),
      links: await links.links(),
      pinned: await builder.namespaces.list(),
      withFiles: await builder.withFiles(),
    });
    for (const step of plan) await this.#execute(step);
    return plan.length;
  }

  /** The host's own network keeps its subnet as long as containers are on it, or nothing else has taken it. */
  async #ensureLocalNetwork(): Promise<void> {
    const { model, store, links, builder, clock, logger } = this.#parts;
    const local = model.networks.get(DEFAULT_NETWORK);
    if (local !== undefined && model.addresses.isUsed(DEFAULT_NETWORK)) return;
    const routes = await links.foreignRoutes();
    const others = [...model.networks.values()].filter(({ id }) => id !== DEFAULT_NETWORK);
    if (local !== undefined && findOverlap(local, others, routes) === undefined) return;
    const taken = [...routes.map((route) => route.destination), ...others.map(({ subnet }) => parseSubnet(subnet))];
    const subnet = chooseSubnet(taken);
    if (subnet === undefined) {
      logger.warn('no subnet is free for the local network: the host has routes to all default pools');
      return;
    }
    await builder.removeBridge(DEFAULT_NETWORK);
    model.putNetwork(localNetwork(subnet, clock()));
    await store.writeNetworks([...model.networks.values()]);
  }

  async #execute(step: RecoveryStep): Promise<void> {
    const { model, store, links, builder, sandboxes } = this.#parts;
    switch (step.kind) {
      case 'remove-sandbox':
        await builder.unpin(step.containerId);
        model.removeSandbox(step.containerId);
        return store.removeSandbox(step.containerId);
      case 'forget-kernel-state':
        return sandboxes.save({ ...this.#sandbox(step.containerId), ready: false });
      case 'delete-links':
        return links.deleteLinks(step.names);
      case 'unpin':
        return builder.unpin(step.containerId);
      case 'create-bridge':
        await builder.bridge(step.networkId);
        return undefined;
      case 'repair-links':
        return builder.repairLinks(this.#sandbox(step.containerId));
    }
  }

  #sandbox(containerId: string): SandboxRecord {
    const record = this.#parts.model.sandboxes.get(containerId);
    if (record === undefined) throw new GantryError('INTERNAL', `no sandbox of container ${containerId}`);
    return record;
  }
}

/** The local network's bridge is made for its first container. */
export function needsBridge(model: NetworkModel, network: NetworkRecord): boolean {
  return network.macvlan === undefined && (network.cluster || model.addresses.isUsed(network.id));
}
