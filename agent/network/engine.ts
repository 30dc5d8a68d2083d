/** The networks of one host: see networks.ts for what callers may rely on. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Native } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';
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
  NodeWireguard,
  PortConfig,
  ServiceEndpoints,
} from '../../proto/generated/gantry/v1/types.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { ClusterNetworks } from './cluster-networks.ts';
import { ContainerPorts } from './container-ports.ts';
import { chooseSubnet } from './default-pools.ts';
import { HostResolvConf } from './dns/host-resolv-conf.ts';
import { NameServers } from './dns/name-servers.ts';
import { checkNetwork } from './doctor/check.ts';
import { removeStaleProbes } from './doctor/probe-counters.ts';
import { Encryption } from './encryption/encryption.ts';
import { HostFirewall } from './firewall/host-firewall.ts';
import { enableForwarding, restoreForwarding } from './forwarding.ts';
import { Healer } from './healing/healer.ts';
import { HostLinks } from './host-links.ts';
import { Ingress } from './ingress/ingress.ts';
import { enableForwarding6, restoreForwarding6 } from './ipv6/forwarding6.ts';
import { OwnAddresses6 } from './ipv6/own-addresses6.ts';
import { KeyedLock } from './keyed-lock.ts';
import { linkPrefix, privateParentNames } from './link-names.ts';
import { LocalNetworks } from './local-networks.ts';
import { Parents } from './macvlan/parents.ts';
import { describeNetwork, NetworkModel } from './model.ts';
import { findOverlap } from './network-overlap.ts';
import { probeNetworks } from './network-probe.ts';
import { DEFAULT_NETWORK, localNetwork, type NetworkRecord } from './network-record.ts';
import type { Networks, Sandbox, SandboxRequest } from './networks.ts';
import { Overlays } from './overlay/overlays.ts';
import { OwnTransactions } from './own-tables.ts';
import { checkPort, PortReservations } from './port-reservations.ts';
import { Publishing } from './publishing.ts';
import { reattach } from './reattachment.ts';
import { planRecovery, type RecoveryStep } from './recovery-plan.ts';
import { tableName } from './ruleset.ts';
import { SandboxBuilder } from './sandbox-builder.ts';
import type { SandboxRecord } from './sandbox-record.ts';
import { serviceChanges } from './service-changes.ts';
import { settleAll } from './settle-all.ts';
import { NetworkStore } from './store.ts';
import { parseSubnet } from './subnet.ts';
import { unanswered } from './unanswered.ts';
import { VirtualIps } from './vip/virtual-ips.ts';

export interface NetworkEngineOptions {
  /** DATA_ROOT/network */
  readonly dataDir: string;
  /** EXEC_ROOT/network */
  readonly execDir: string;
  /** Unique per gantryd, [a-z0-9]+: names its links and its nftables table. */
  readonly instance: string;
  readonly native: Native;
  /** Milliseconds since the Unix epoch. */
  readonly clock: () => number;
  readonly random: RandomBytes;
  readonly logger: Logger;
  /** Name servers to send queries on to; without them those in the host's resolv.conf. */
  readonly upstream?: readonly string[];
}

/** `recover` comes first: before it, the engine knows no network. */
export class NetworkEngine implements Networks {
  readonly #options: NetworkEngineOptions;
  readonly #logger: Logger;
  readonly #store: NetworkStore;
  readonly #model: NetworkModel;
  readonly #links: HostLinks;
  readonly #parents: Parents;
  readonly #builder: SandboxBuilder;
  readonly #encryption: Encryption;
  readonly #overlays: Overlays;
  readonly #ingress: Ingress;
  readonly #reservations = new PortReservations((port) =>
    this.#publishing.relayTarget(port.hostIp, port.publishedPort),
  );
  readonly #transactions: OwnTransactions;
  readonly #publishing: Publishing;
  readonly #localNetworks: LocalNetworks;
  readonly #clusterNetworks: ClusterNetworks;
  readonly #firewall: HostFirewall;
  readonly #healer: Healer;
  /** Of IPv4, and of IPv6. */
  readonly #virtualIps: readonly VirtualIps[];
  readonly #hostResolvConf = new HostResolvConf();
  readonly #nameServers: NameServers;
  readonly #ports: ContainerPorts;
  readonly #ownAddresses6: OwnAddresses6;
  readonly #containerLock = new KeyedLock();
  readonly #lock = new KeyedLock();
  /** Containers that have been torn down, but whose links the kernel is still deleting. */
  readonly #departing = new Map<string, Promise<void>>();

  constructor(options: NetworkEngineOptions) {
    const { dataDir, execDir, instance, native, random } = options;
    const logger = options.logger.child({ component: 'network' });
    this.#options = options;
    this.#logger = logger;
    this.#store = new NetworkStore(dataDir, logger);
    this.#model = new NetworkModel(instance);
    this.#links = new HostLinks(native, instance);
    const [model, links] = [this.#model, this.#links];
    this.#ownAddresses6 = new OwnAddresses6({ native, links, logger });
    this.#parents = new Parents(instance, links);
    this.#encryption = new Encryption({ dataDir, execDir: join(execDir, 'encryption'), native, links, logger });
    this.#overlays = new Overlays(instance, links, this.#encryption);
    this.#ingress = new Ingress(instance, links);
    this.#builder = new SandboxBuilder({
      instance,
      execDir,
      native,
      model,
      links,
      parents: this.#parents,
      hostResolvConf: this.#hostResolvConf,
    });
    this.#transactions = new OwnTransactions(native, `${tableName(instance)}-hold`);
    this.#publishing = new Publishing({
      instance,
      transactions: this.#transactions,
      model,
      links,
      reservations: this.#reservations,
      ingress: this.#ingress,
      logger,
    });
    this.#clusterNetworks = new ClusterNetworks({
      model,
      store: this.#store,
      links,
      builder: this.#builder,
      overlays: this.#overlays,
      ingress: this.#ingress,
      encryption: this.#encryption,
      enableForwarding: () => this.#enableForwarding(),
    });
    this.#localNetworks = new LocalNetworks({
      model,
      store: this.#store,
      links,
      builder: this.#builder,
      parents: this.#parents,
      publishing: this.#publishing,
      ownPrefix: linkPrefix(instance),
      enableForwarding: () => this.#enableForwarding(),
      random,
      clock: options.clock,
    });
    const ofServices = { instance, model, links, transactions: this.#transactions };
    this.#virtualIps = (['ip', 'ip6'] as const).map((family) => new VirtualIps({ ...ofServices, family }));
    this.#firewall = new HostFirewall({
      instance,
      native,
      hasIpv6: () => model.bridgeRules6().length > 0 || model.ingressFamilies().includes('ip6'),
      logger,
    });
    this.#healer = new Healer({
      instance,
      native,
      logger,
      model,
      links,
      builder: this.#builder,
      parents: this.#parents,
      overlays: this.#overlays,
      ingress: this.#ingress,
      encryption: this.#encryption,
      publishing: this.#publishing,
      virtualIps: this.#virtualIps,
      firewall: this.#firewall,
      enableForwarding: () => this.#enableForwarding(),
      lockNetworks: (action) => this.#lock.run('networks', action),
      lockContainer: (containerId, action) => this.#containerLock.run(containerId, action),
      needsBridge: (network) => this.#needsBridge(network),
    });
    this.#ports = new ContainerPorts({ model, reservations: this.#reservations, logger });
    this.#nameServers = new NameServers({
      native,
      model,
      hostResolvConf: this.#hostResolvConf,
      upstream: options.upstream,
      pathOf: (containerId) => this.#builder.namespaces.pathOf(containerId),
      random,
      logger,
    });
  }

  setup(request: SandboxRequest): Promise<Sandbox> {
    return this.#containerLock.run(request.containerId, async () => {
      await this.#departing.get(request.containerId);
      const known = this.#model.sandboxes.get(request.containerId);
      const isSame = known !== undefined && isDeepStrictEqual(asJson(known.request), asJson(request));
      if (isSame && known.ready) return this.#builder.describe(known);
      if (known !== undefined && !isSame) {
        await this.#takeDown(known);
        await this.#departing.get(request.containerId);
      }
      const record = isSame ? known : this.#assign(request);
      return this.#builder.describe(await this.#build(record));
    });
  }

  reattach(request: SandboxRequest): Promise<Sandbox | undefined> {
    return this.#containerLock.run(request.containerId, async () => {
      const known = this.#model.sandboxes.get(request.containerId);
      if (known?.ready !== true || this.#departing.has(request.containerId)) return undefined;
      if (isDeepStrictEqual(asJson(known.request.networks), asJson(request.networks))) {
        return this.#builder.describe(known);
      }
      const next = await reattach(
        {
          model: this.#model,
          builder: this.#builder,
          store: this.#store,
          publishing: this.#publishing,
          reservations: this.#reservations,
          reservePorts: (record) => this.#ports.reserve(record),
          logger: this.#logger,
        },
        known,
        { ...known.request, networks: request.networks },
      );
      if (!this.#nameServers.has(request.containerId)) await this.#nameServers.open(next);
      await this.#removeRetired();
      return this.#builder.describe(next);
    });
  }

  teardown(containerId: string): Promise<void> {
    return this.#containerLock.run(containerId, async () => {
      const record = this.#model.sandboxes.get(containerId);
      if (record !== undefined && !this.#departing.has(containerId)) await this.#takeDown(record);
    });
  }

  describeWireguard(): NodeWireguard {
    return this.#encryption.description;
  }

  ipv6Addresses(): readonly string[] {
    return this.#ownAddresses6.current;
  }

  onIpv6Addresses(listener: () => void): () => void {
    return this.#ownAddresses6.onChange(listener);
  }

  async unanswered(containerId: string): Promise<number> {
    if (this.#model.sandboxes.get(containerId)?.ready !== true) return 0;
    return unanswered(await this.#builder.namespaces.tcpSockets(containerId)).length;
  }

  async applyNetworks(networks: readonly AssignedNetwork[], peers: readonly NetworkPeer[]): Promise<void> {
    await Promise.all(this.#departing.values());
    const failures = await this.#lock.run('networks', () => this.#clusterNetworks.apply(networks, peers));
    await this.#syncRules();
    // The others work; the cluster must hear that this one doesn't.
    for (const failure of failures) throw failure;
  }

  async applyEndpoints(services: readonly ServiceEndpoints[]): Promise<void> {
    await this.#lock.run('services', async () => {
      const changes = serviceChanges(this.#model.services, services);
      if (changes.put.length + changes.removed.length === 0) return;
      // First: what a full disk doesn't take is still a change the next time.
      await this.#store.writeServices(changes);
      this.#model.setServices(services);
    });
    await this.#lock.run('networks', () => this.#clusterNetworks.carryPorts());
    await this.#syncRules();
  }

  async applyAttached(containers: readonly AttachedContainer[]): Promise<void> {
    this.#model.setAttached(containers);
  }

  attached(): AttachedContainer[] {
    return this.#model.attached();
  }

  onAttached(listener: () => void): () => void {
    return this.#model.onSandboxes(listener);
  }

  /** Of IPv6 only where a network leads outside with it, or to other nodes. Returns the settings that were off. */
  async #enableForwarding(): Promise<string[]> {
    const settings: string[] = [];
    if (await enableForwarding(this.#store)) settings.push('net.ipv4.ip_forward');
    const prefix = linkPrefix(this.#options.instance);
    const forwards = this.#model.forwardsIpv6();
    if (forwards && (await enableForwarding6(this.#store, (link) => link.startsWith(prefix)))) {
      settings.push('net.ipv6.conf.all.forwarding');
    }
    return settings;
  }

  async #syncRules(): Promise<void> {
    await settleAll([this.#publishing.sync(), ...this.#virtualIps.map((one) => one.sync())]);
  }

  async list(): Promise<LocalNetwork[]> {
    return this.#model.list();
  }

  find(reference: string): LocalNetwork {
    return describeNetwork(this.#model.resolveNetwork(reference));
  }

  checkAttachment(attachment: NetworkAttachmentConfig): void {
    this.#model.checkAttachment(attachment);
  }

  endpointsOf(reference: string): NetworkEndpoint[] {
    return this.#model.endpointsOf(this.#model.resolveNetwork(reference));
  }

  check(requests: AsyncIterable<NetworkCheckRequest>, signal: AbortSignal): AsyncIterable<NetworkCheckResponse> {
    const { instance, native, random, clock } = this.#options;
    const [links, model, encryption] = [this.#links, this.#model, this.#encryption];
    const parts = { instance, native, random, clock, links, model, encryption };
    return checkNetwork({ ...parts, namespaces: this.#builder.namespaces }, requests, signal);
  }

  probeNetworks(networks: readonly AssignedNetwork[]): Promise<NetworkProbeResponse> {
    return probeNetworks(networks, this.#model, this.#links);
  }

  create(spec: LocalNetworkSpec): Promise<string> {
    return this.#lock.run('networks', () => this.#localNetworks.create(spec));
  }

  async remove(reference: string): Promise<void> {
    // Their addresses are still taken.
    await Promise.all(this.#departing.values());
    await this.#lock.run('networks', () => this.#localNetworks.remove(reference));
  }

  async probe(ports: readonly PortConfig[]): Promise<PortConflict[]> {
    const conflicts: PortConflict[] = [];
    for (const port of ports) {
      const holder = await this.#reservations.holderOf(port);
      if (holder !== undefined) conflicts.push({ port, holder });
    }
    return conflicts;
  }

  async recover(live: readonly string[]): Promise<void> {
    await this.#load(new Set(live));
    await this.#ensureLocalNetwork();
    await this.#enableForwarding();
    await removeStaleProbes(this.#options.instance);
    await this.#encryption.start();
    await this.#ownAddresses6.start();
    await this.#parents.removeUnneeded(this.#model.networks.values());
    const plan = planRecovery({
      instance: this.#options.instance,
      live: new Set(live),
      sandboxes: [...this.#model.sandboxes.values()],
      networkIds: [...this.#model.networks.values()]
        .filter((network) => this.#needsBridge(network))
        .map(({ id }) => id),
      overlayIds: [...this.#model.networks.values()].filter(({ overlay }) => overlay).map(({ id }) => id),
      parents: [...this.#model.networks.values()]
        .filter(({ macvlan }) => macvlan !== undefined)
        .flatMap(({ id }) => privateParentNames(this.#options.instance, id)),
      links: await this.#links.links(),
      pinned: await this.#builder.namespaces.list(),
      withFiles: await this.#builder.withFiles(),
    });
    for (const step of plan) await this.#execute(step);
    for (const record of this.#model.sandboxes.values()) {
      if (record.ready) await this.#nameServers.open(record);
    }
    await this.#syncRules();
    await this.#healer.start();
    this.#logger.info({ steps: plan.length, sandboxes: this.#model.sandboxes.size }, 'networks recovered');
  }

  async shutdown(): Promise<void> {
    await this.#healer.close();
    await this.#ownAddresses6.close();
    await this.#closeSockets();
    await Promise.all(this.#departing.values());
    for (const record of this.#model.sandboxes.values()) {
      await this.#builder.unpin(record.request.containerId);
      if (record.ready) await this.#save({ ...record, ready: false });
    }
    await this.#ingress.remove();
    await this.#parents.removeUnneeded([]);
    await this.#links.deleteAll();
    await this.#encryption.remove();
    await this.#publishing.removeRules();
    await this.#firewall.remove();
    for (const one of this.#virtualIps) await one.remove();
    for (const containerId of await this.#builder.namespaces.list()) await this.#builder.namespaces.unpin(containerId);
    await rm(this.#options.execDir, { recursive: true, force: true });
    await restoreForwarding(this.#store);
    await restoreForwarding6(this.#store);
    await this.#firewall.close();
    await this.#transactions.close();
    await this.#links.close();
  }

  async close(): Promise<void> {
    await this.#healer.close();
    await this.#ownAddresses6.close();
    await this.#closeSockets();
    await Promise.all(this.#departing.values());
    await this.#firewall.close();
    await this.#transactions.close();
    await this.#links.close();
  }

  #assign(request: SandboxRequest): SandboxRecord {
    if (!/^[A-Za-z0-9][\w.-]*$/.test(request.containerId)) {
      throw new GantryError('INVALID_ARGUMENT', `"${request.containerId}" is not a container id`);
    }
    for (const port of request.ports) checkPort(port);
    return this.#model.assign(request);
  }

  /** What can be refused comes first; after a failure nothing is left. */
  async #build(assigned: SandboxRecord): Promise<SandboxRecord> {
    // Kept from here on, so that nobody gets its addresses. After a crash before the record is on disk, recovery
    // finds a namespace and links that are nobody's, and removes them.
    this.#model.putSandbox(assigned);
    try {
      const files = await this.#builder.renderFiles(assigned);
      const record = await this.#ports.reserve(assigned);
      this.#model.putSandbox(record);
      await settleAll([
        this.#buildAndServe(record),
        this.#builder.writeFiles(record, files),
        this.#store.writeCursors(this.#model.addresses.cursors()),
        this.#publishing.sync(),
      ]);
      const ready = { ...record, ready: true };
      await this.#save(ready);
      return ready;
    } catch (error) {
      await this.#takeDown(assigned);
      throw error;
    }
  }

  async #buildAndServe(record: SandboxRecord): Promise<void> {
    await this.#builder.createNamespace(record);
    await settleAll([this.#builder.connect(record), this.#nameServers.open(record)]);
  }

  /**
   * Its name goes first and its address last, so that nobody is sent to whoever gets the address next. The kernel
   * takes tens of milliseconds to delete a link: that, and the address, isn't waited for here.
   */
  async #takeDown(record: SandboxRecord): Promise<void> {
    const { containerId } = record.request;
    const current = this.#model.sandboxes.get(containerId) ?? record;
    this.#model.putSandbox({ ...current, ready: false, ports: [] });
    await this.#nameServers.close(containerId);
    // Rules before sockets: whoever gets the port next must not lose its traffic to them.
    await this.#publishing.sync();
    await this.#reservations.release(containerId);
    await this.#builder.unpin(containerId);
    await this.#store.removeSandbox(containerId);
    this.#departing.set(containerId, this.#depart(current));
    // Somebody may wait for the ports.
    if (current.ports.length > 0) await this.#publishing.sync();
  }

  async #depart(record: SandboxRecord): Promise<void> {
    const { containerId } = record.request;
    try {
      await this.#builder.unplug(record);
      this.#model.removeSandbox(containerId);
      await this.#removeRetired();
    } catch (error) {
      // Its addresses stay taken, as its links are there; the next start of the agent removes them.
      this.#logger.error({ err: error, containerId }, 'cannot delete the links of a container');
    } finally {
      this.#departing.delete(containerId);
    }
  }

  async #removeRetired(): Promise<void> {
    if (!this.#clusterNetworks.hasRetired) return;
    await this.#lock.run('networks', () => this.#clusterNetworks.removeRetired());
  }

  async #saveNetworks(): Promise<void> {
    await this.#store.writeNetworks([...this.#model.networks.values()]);
  }

  async #save(record: SandboxRecord): Promise<void> {
    await this.#store.writeSandbox(record);
    this.#model.putSandbox(record);
  }

  async #load(live: ReadonlySet<string>): Promise<void> {
    await this.#store.removeTemporaries();
    const [networks, services, sandboxes, cursors] = await Promise.all([
      this.#store.readNetworks(),
      this.#store.readServices(),
      this.#store.readSandboxes(),
      this.#store.readCursors(),
    ]);
    for (const network of networks) this.#model.putNetwork(network);
    for (const sandbox of sandboxes) this.#model.putSandbox(sandbox);
    this.#model.setServices(services);
    this.#model.addresses.restore(
      sandboxes.filter(({ request }) => live.has(request.containerId)),
      cursors,
    );
  }

  /** The host's own network keeps its subnet as long as containers are on it, or nothing else has taken it. */
  async #ensureLocalNetwork(): Promise<void> {
    const local = this.#model.networks.get(DEFAULT_NETWORK);
    if (local !== undefined && this.#model.addresses.isUsed(DEFAULT_NETWORK)) return;
    const routes = await this.#links.foreignRoutes();
    const others = [...this.#model.networks.values()].filter(({ id }) => id !== DEFAULT_NETWORK);
    if (local !== undefined && findOverlap(local, others, routes) === undefined) return;
    const taken = [...routes.map((route) => route.destination), ...others.map(({ subnet }) => parseSubnet(subnet))];
    const subnet = chooseSubnet(taken);
    if (subnet === undefined) {
      this.#logger.warn('no subnet is free for the local network: the host has routes to all default pools');
      return;
    }
    await this.#builder.removeBridge(DEFAULT_NETWORK);
    this.#model.putNetwork(localNetwork(subnet, this.#options.clock()));
    await this.#saveNetworks();
  }

  /** The local network's bridge is made for its first container. */
  #needsBridge(network: NetworkRecord): boolean {
    return network.cluster || (network.macvlan === undefined && this.#model.addresses.isUsed(network.id));
  }

  async #execute(step: RecoveryStep): Promise<void> {
    switch (step.kind) {
      case 'remove-sandbox':
        await this.#builder.unpin(step.containerId);
        this.#model.removeSandbox(step.containerId);
        return this.#store.removeSandbox(step.containerId);
      case 'forget-kernel-state':
        return this.#save({ ...this.#sandbox(step.containerId), ready: false });
      case 'delete-links':
        return this.#links.deleteLinks(step.names);
      case 'unpin':
        return this.#builder.unpin(step.containerId);
      case 'create-bridge':
        await this.#builder.bridge(step.networkId);
        return undefined;
      case 'repair-links':
        return this.#builder.repairLinks(this.#sandbox(step.containerId));
    }
  }

  #sandbox(containerId: string): SandboxRecord {
    const record = this.#model.sandboxes.get(containerId);
    if (record === undefined) throw new GantryError('INTERNAL', `no sandbox of container ${containerId}`);
    return record;
  }

  async #closeSockets(): Promise<void> {
    await this.#nameServers.closeAll();
    await this.#reservations.close();
  }
}

/** As it reads back from disk: unset fields and prototypes don't tell requests apart. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
