/** The networks of one host: see networks.ts for what callers may rely on. */
import { rm } from 'node:fs/promises';
import type { AssignedNetwork, AttachedContainer, NetworkPeer } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type {
  LocalNetwork,
  LocalNetworkSpec,
  NetworkCheckRequest,
  NetworkCheckResponse,
  NetworkEndpoint,
  NetworkProbeResponse,
  PortConflict,
} from '../../proto/generated/gantry/v1/engine.ts';
import type {
  NetworkAttachmentConfig,
  NetworkConfig,
  NodeWireguard,
  PortConfig,
  ServiceEndpoints,
} from '../../proto/generated/gantry/v1/types.ts';
import { checkNetwork } from './doctor/check.ts';
import { removeStaleProbes } from './doctor/probe-counters.ts';
import { assemble, type EngineParts, type NetworkEngineOptions } from './engine-parts.ts';
import { restoreForwarding } from './forwarding.ts';
import { restoreForwarding6 } from './ipv6/forwarding6.ts';
import { raiseNeighbourLimits, restoreNeighbourLimits } from './neighbour-limits.ts';
import { describeNetwork } from './network-description.ts';
import { probeNetworks } from './network-probe.ts';
import type { Networks, Sandbox, SandboxRequest } from './networks.ts';
import { serviceChanges } from './service-changes.ts';
import { settleAll } from './settle-all.ts';
import { unanswered } from './unanswered.ts';

/** `recover` comes first: before it, the engine knows no network. */
export class NetworkEngine implements Networks {
  readonly #options: NetworkEngineOptions;
  readonly #parts: EngineParts;

  constructor(options: NetworkEngineOptions) {
    this.#options = { ...options, logger: options.logger.child({ component: 'network' }) };
    this.#parts = assemble(this.#options);
  }

  setup(request: SandboxRequest): Promise<Sandbox> {
    return this.#parts.sandboxes.setup(request);
  }

  reattach(request: SandboxRequest): Promise<Sandbox | undefined> {
    return this.#parts.sandboxes.reattach(request);
  }

  teardown(containerId: string): Promise<void> {
    return this.#parts.sandboxes.teardown(containerId);
  }

  describeWireguard(): NodeWireguard {
    return this.#parts.encryption.description;
  }

  ipv6Addresses(): readonly string[] {
    return this.#parts.ownAddresses6.current;
  }

  onIpv6Addresses(listener: () => void): () => void {
    return this.#parts.ownAddresses6.onChange(listener);
  }

  possibleParents(): readonly string[] {
    return this.#parts.macvlanHost.parents;
  }

  networkConfigs(): NetworkConfig[] {
    return this.#parts.configs.describe();
  }

  onParents(listener: () => void): () => void {
    return this.#parts.macvlanHost.onChange(listener);
  }

  async unanswered(containerId: string): Promise<number> {
    const { model, builder } = this.#parts;
    if (model.sandboxes.get(containerId)?.ready !== true) return 0;
    return unanswered(await builder.namespaces.tcpSockets(containerId)).length;
  }

  async applyNetworks(networks: readonly AssignedNetwork[], peers: readonly NetworkPeer[]): Promise<void> {
    const { lock, clusterNetworks, sandboxes } = this.#parts;
    await sandboxes.departed();
    const failures = await lock.run('networks', () => clusterNetworks.apply(networks, peers));
    await this.#syncRules();
    // The others work; the cluster must hear that this one doesn't.
    for (const failure of failures) throw failure;
  }

  async applyEndpoints(services: readonly ServiceEndpoints[]): Promise<void> {
    const { lock, model, store, clusterNetworks } = this.#parts;
    await lock.run('services', async () => {
      const changes = serviceChanges(model.services, services);
      if (changes.put.length + changes.removed.length === 0) return;
      // First: what a full disk doesn't take is still a change the next time.
      await store.writeServices(changes);
      model.setServices(services);
    });
    await lock.run('networks', () => clusterNetworks.carryPorts());
    await this.#syncRules();
  }

  async applyAttached(containers: readonly AttachedContainer[]): Promise<void> {
    this.#parts.model.setAttached(containers);
  }

  attached(): AttachedContainer[] {
    return this.#parts.model.attached();
  }

  onAttached(listener: () => void): () => void {
    return this.#parts.model.onSandboxes(listener);
  }

  async #syncRules(): Promise<void> {
    const { publishing, virtualIps } = this.#parts;
    await settleAll([publishing.sync(), ...virtualIps.map((one) => one.sync())]);
  }

  async list(): Promise<LocalNetwork[]> {
    const { model, configs } = this.#parts;
    return [...model.list(), ...configs.all.map(describeNetwork)];
  }

  find(reference: string): LocalNetwork {
    const { model, configs } = this.#parts;
    return describeNetwork(configs.find(reference) ?? model.resolveNetwork(reference));
  }

  checkAttachment(attachment: NetworkAttachmentConfig): void {
    this.#parts.model.checkAttachment(attachment);
  }

  endpointsOf(reference: string): NetworkEndpoint[] {
    const { model, configs } = this.#parts;
    if (configs.find(reference) !== undefined) return [];
    return model.endpointsOf(model.resolveNetwork(reference));
  }

  check(requests: AsyncIterable<NetworkCheckRequest>, signal: AbortSignal): AsyncIterable<NetworkCheckResponse> {
    const { instance, native, random, clock } = this.#options;
    const { links, model, encryption, builder } = this.#parts;
    const parts = { instance, native, random, clock, links, model, encryption };
    return checkNetwork({ ...parts, namespaces: builder.namespaces }, requests, signal);
  }

  probeNetworks(networks: readonly AssignedNetwork[]): Promise<NetworkProbeResponse> {
    const { model, links, macvlanHost, configs } = this.#parts;
    return probeNetworks(networks, model, links, { parents: macvlanHost.parents, configs: configs.all });
  }

  create(spec: LocalNetworkSpec): Promise<string> {
    const { lock, localNetworks } = this.#parts;
    return lock.run('networks', () => localNetworks.create(spec));
  }

  async remove(reference: string): Promise<void> {
    const { lock, localNetworks, sandboxes } = this.#parts;
    // Their addresses are still taken.
    await sandboxes.departed();
    await lock.run('networks', () => localNetworks.remove(reference));
  }

  async probe(ports: readonly PortConfig[]): Promise<PortConflict[]> {
    const conflicts: PortConflict[] = [];
    for (const port of ports) {
      const holder = await this.#parts.reservations.holderOf(port);
      if (holder !== undefined) conflicts.push({ port, holder });
    }
    return conflicts;
  }

  async recover(live: readonly string[]): Promise<void> {
    const { model, store, links, recovery, encryption, ownAddresses6, macvlanHost, parents, nameServers, healer } =
      this.#parts;
    const ids = new Set(live);
    await recovery.load(ids);
    await this.#parts.enableForwarding();
    await raiseNeighbourLimits(links, store);
    await removeStaleProbes(this.#options.instance);
    await encryption.start();
    await ownAddresses6.start();
    await macvlanHost.start();
    await parents.removeUnneeded(model.networks.values());
    const steps = await recovery.restore(ids);
    for (const record of model.sandboxes.values()) {
      if (record.ready) await nameServers.open(record);
    }
    await this.#syncRules();
    await healer.start();
    this.#options.logger.info({ steps, sandboxes: model.sandboxes.size }, 'networks recovered');
  }

  async shutdown(): Promise<void> {
    const { model, store, links, builder, parents, ingress, encryption, sandboxes } = this.#parts;
    const { publishing, firewall, virtualIps } = this.#parts;
    await this.#closeListeners();
    for (const record of model.sandboxes.values()) {
      await builder.unpin(record.request.containerId);
      if (record.ready) await sandboxes.save({ ...record, ready: false });
    }
    await ingress.remove();
    await parents.removeUnneeded([]);
    await links.deleteAll();
    await encryption.remove();
    await publishing.removeRules();
    await firewall.remove();
    for (const one of virtualIps) await one.remove();
    for (const containerId of await builder.namespaces.list()) await builder.namespaces.unpin(containerId);
    await rm(this.#options.execDir, { recursive: true, force: true });
    await restoreForwarding(store);
    await restoreForwarding6(store);
    await restoreNeighbourLimits(links, store);
    await this.#closeKernel();
  }

  async close(): Promise<void> {
    await this.#closeListeners();
    await this.#closeKernel();
  }

  /** From here on nothing is put back, answered or held. */
  async #closeListeners(): Promise<void> {
    const { healer, ownAddresses6, macvlanHost, nameServers, reservations, sandboxes } = this.#parts;
    await healer.close();
    await ownAddresses6.close();
    await macvlanHost.close();
    await nameServers.closeAll();
    await reservations.close();
    await sandboxes.departed();
  }

  async #closeKernel(): Promise<void> {
    const { firewall, transactions, links } = this.#parts;
    await firewall.close();
    await transactions.close();
    await links.close();
  }
}
