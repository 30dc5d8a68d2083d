/** What this node knows of its networks, sandboxes and services, and what follows from it. No I/O. */
import { GantryError } from '../../proto/errors.ts';
import type { AttachedContainer, NetworkPeer } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { LocalNetwork, NetworkEndpoint } from '../../proto/generated/gantry/v1/engine.ts';
import type { NetworkAttachmentConfig, ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import { parseSubnet6 } from '../../proto/ipv6/subnet6.ts';
import { Addresses } from './addresses.ts';
import { attachedContainers } from './attached.ts';
import { Attachments, type Reassignment } from './attachments.ts';
import type { Asker } from './dns/decide.ts';
import { buildNameTable, type NameTable } from './dns/name-table.ts';
import { ingressAddress6 } from './ingress/ingress6.ts';
import { containerPorts6, defaultAttachment6, isOnIpv6 } from './ipv6/ports6.ts';
import { bridgeName, vxlanName } from './link-names.ts';
import type { TableFamily } from './netlink/nf-batch.ts';
import { describeNetwork, endpointsOf } from './network-description.ts';
import { DEFAULT_NETWORK, type NetworkRecord } from './network-record.ts';
import type { SandboxRequest } from './networks.ts';
import { containerPorts, defaultAttachment, ingressPorts, publishedAttachment } from './published.ts';
import type { BridgeRules } from './rules/bridge-rules.ts';
import type { PublishedPort } from './rules/port-rules.ts';
import { addressesOf, type SandboxRecord } from './sandbox-record.ts';
import { parseSubnet } from './subnet.ts';
import { type VirtualService, virtualServices } from './vip/virtual-service.ts';

export class NetworkModel {
  readonly #instance: string;
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #sandboxes = new Map<string, SandboxRecord>();
  readonly #sandboxListeners = new Set<() => void>();
  #services: readonly ServiceEndpoints[] = [];
  #attached: readonly AttachedContainer[] = [];
  #nodes: ReadonlyMap<string, string> = new Map();
  /** Of each other node what it asks from over IPv6, and what it is asked at. */
  #nodes6: readonly (readonly [from: string, to: string])[] = [];
  #refused: ReadonlyMap<string, GantryError> = new Map();
  readonly addresses = new Addresses();
  /** Made when first asked for after a change. */
  #nameTable: NameTable | undefined;
  readonly #attachments: Attachments;

  constructor(instance: string) {
    this.#instance = instance;
    this.#attachments = new Attachments({
      addresses: this.addresses,
      sandboxes: this.#sandboxes,
      resolveNetwork: (reference) => this.resolveNetwork(reference),
    });
  }

  get networks(): ReadonlyMap<string, NetworkRecord> {
    return this.#networks;
  }

  get sandboxes(): ReadonlyMap<string, SandboxRecord> {
    return this.#sandboxes;
  }

  get services(): readonly ServiceEndpoints[] {
    return this.#services;
  }

  /** Addresses of the other nodes, by id. */
  get nodes(): ReadonlyMap<string, string> {
    return this.#nodes;
  }

  get nodes6(): readonly (readonly [from: string, to: string])[] {
    return this.#nodes6;
  }

  setNodes(peers: readonly NetworkPeer[]): void {
    this.#nodes = new Map(peers.map(({ nodeId, nodeAddress }) => [nodeId, nodeAddress]));
    this.#nodes6 = peers.flatMap(({ nodeAddress, ipv6Addresses }) =>
      ipv6Addresses.map((from) => [from, ingressAddress6(nodeAddress)] as const),
    );
  }

  /** Of which packets must be carried from node to node for ports of services. */
  ingressFamilies(): readonly TableFamily[] {
    return this.#services.some((service) => ingressPorts(service).some(isOnIpv6)) ? ['ip', 'ip6'] : ['ip'];
  }

  /** Networks that the cluster wants here but that this host can't have, by id, and why. */
  setRefused(refused: ReadonlyMap<string, GantryError>): void {
    this.#refused = refused;
  }

  putNetwork(network: NetworkRecord): void {
    this.#networks.set(network.id, network);
    this.#nameTable = undefined;
  }

  removeNetwork(networkId: string): void {
    this.#networks.delete(networkId);
    this.addresses.forget(networkId);
    this.#nameTable = undefined;
  }

  putSandbox(record: SandboxRecord): void {
    this.#sandboxes.set(record.request.containerId, record);
    this.#sandboxesChanged();
  }

  /** Its addresses are free from now on. */
  removeSandbox(containerId: string): void {
    const record = this.#sandboxes.get(containerId);
    for (const attachment of record?.attachments ?? []) this.addresses.free(attachment);
    if (record !== undefined) this.#attachments.remember(record);
    this.#sandboxes.delete(containerId);
    this.#sandboxesChanged();
  }

  /** `listener` is called after each change of a sandbox, until the returned function is. */
  onSandboxes(listener: () => void): () => void {
    this.#sandboxListeners.add(listener);
    return () => this.#sandboxListeners.delete(listener);
  }

  #sandboxesChanged(): void {
    this.#nameTable = undefined;
    for (const listener of this.#sandboxListeners) listener();
  }

  setServices(services: readonly ServiceEndpoints[]): void {
    this.#services = services;
    this.#nameTable = undefined;
  }

  /** Containers of other nodes, of no task. */
  setAttached(containers: readonly AttachedContainer[]): void {
    this.#attached = containers;
    this.#nameTable = undefined;
  }

  /** This node's containers of no task, on networks of the cluster. */
  attached(): AttachedContainer[] {
    return attachedContainers(this.#networks, this.#sandboxes.values());
  }

  /** By id or name; empty and "default" mean the host's own network. Throws NOT_FOUND, or why it can't be here. */
  findNetwork(target: string): NetworkRecord {
    const wanted = target === '' || target === 'default' ? DEFAULT_NETWORK : target;
    const network = this.#networks.get(wanted) ?? [...this.#networks.values()].find(({ name }) => name === wanted);
    if (network !== undefined) return network;
    const refusal = this.#refused.get(wanted);
    if (refusal !== undefined) throw refusal;
    throw new GantryError('NOT_FOUND', `network ${wanted} not found on this node`, {
      hint: "'gantry network ls' lists those that there are",
    });
  }

  /** As users name networks: also by the beginning of an id. Throws NOT_FOUND, AMBIGUOUS. */
  resolveNetwork(reference: string): NetworkRecord {
    const begun = [...this.#networks.values()].filter(({ id }) => reference !== '' && id.startsWith(reference));
    const isNamed = [...this.#networks.values()].some(({ id, name }) => id === reference || name === reference);
    if (isNamed || begun.length === 0) return this.findNetwork(reference);
    const [network] = begun;
    if (network !== undefined && begun.length === 1) return network;
    throw new GantryError('AMBIGUOUS', `${begun.length} networks have ids that begin with "${reference}"`, {
      hint: 'give more of the id',
    });
  }

  /** As Attachments.assign. */
  assign(request: SandboxRequest): SandboxRecord {
    return this.#attachments.assign(request);
  }

  /** As Attachments.reassign. */
  reassign(record: SandboxRecord, request: SandboxRequest): Reassignment {
    return this.#attachments.reassign(record, request);
  }

  /** As Attachments.check. */
  checkAttachment(wanted: NetworkAttachmentConfig): void {
    this.#attachments.check(wanted);
  }

  /** The network that the default route goes through; undefined when all are internal. */
  defaultNetwork(record: SandboxRecord): NetworkRecord | undefined {
    const attachment = defaultAttachment(record.attachments, this.#networks);
    return attachment === undefined ? undefined : this.#networks.get(attachment.networkId);
  }

  /** Whether ports of the container lead to it from its host. */
  publishes(record: SandboxRecord): boolean {
    return publishedAttachment(record.attachments, this.#networks) !== undefined;
  }

  /** The same of its IPv6 default route. */
  defaultNetwork6(record: SandboxRecord): NetworkRecord | undefined {
    const attachment = defaultAttachment6(record.attachments, this.#networks);
    return attachment === undefined ? undefined : this.#networks.get(attachment.networkId);
  }

  bridgeRules6(): BridgeRules[] {
    return [...this.#networks.values()].flatMap(({ id, ipv6, internal, overlay }) => {
      if (ipv6 === undefined) return [];
      const vxlan = overlay && vxlanName(this.#instance, id);
      return [{ bridge: bridgeName(this.#instance, id), subnet: ipv6.subnet, internal, vxlan }];
    });
  }

  /** Whether any network has a way outside by IPv6, or to other nodes, or a port of a service. */
  forwardsIpv6(): boolean {
    if (this.ingressFamilies().includes('ip6')) return true;
    return [...this.#networks.values()].some(({ ipv6, internal, overlay }) => {
      return ipv6 !== undefined && (!internal || overlay !== undefined);
    });
  }

  containerPorts6(): PublishedPort[] {
    return [...this.#sandboxes.values()].flatMap((sandbox) => containerPorts6(sandbox, this.#networks));
  }

  bridgeRules(): BridgeRules[] {
    const bridged = [...this.#networks.values()].filter(({ macvlan }) => macvlan === undefined);
    return bridged.map(({ id, subnet, internal, overlay }) => ({
      bridge: bridgeName(this.#instance, id),
      subnet,
      internal,
      vxlan: overlay && vxlanName(this.#instance, id),
    }));
  }

  /** Of this node's containers, on networks that span nodes: those of IPv4, and of IPv6. */
  overlayAddresses(): string[] {
    return [...this.#sandboxes.values()].flatMap(({ attachments }) =>
      attachments.flatMap((attachment) => {
        return this.#networks.get(attachment.networkId)?.overlay ? addressesOf(attachment) : [];
      }),
    );
  }

  virtualServices(): VirtualService[] {
    return virtualServices(this.#services, this.#networks);
  }

  containerPorts(): PublishedPort[] {
    return [...this.#sandboxes.values()].flatMap((sandbox) => containerPorts(sandbox, this.#networks));
  }

  /** What the container's name server answers from. */
  asker(record: SandboxRecord): Asker {
    const table = this.#names();
    const networks = record.attachments.flatMap(({ networkId }) => this.#networks.get(networkId) ?? []);
    return {
      tables: networks.flatMap(({ id }) => table.get(id) ?? []),
      subnets: networks.map(({ subnet }) => parseSubnet(subnet)),
      subnets6: networks.flatMap(({ ipv6 }) => (ipv6 === undefined ? [] : [parseSubnet6(ipv6.subnet)])),
      forwards: this.defaultNetwork(record) !== undefined,
      choseNdots: record.request.dnsOptions.some((option) => option.startsWith('ndots:')),
    };
  }

  #names(): NameTable {
    const ready = [...this.#sandboxes.values()].filter((sandbox) => sandbox.ready);
    this.#nameTable ??= buildNameTable(this.#networks.values(), this.#services, ready, this.#attached);
    return this.#nameTable;
  }

  list(): LocalNetwork[] {
    return [...this.#networks.values()].map(describeNetwork).toSorted((a, b) => a.name.localeCompare(b.name, 'en'));
  }

  /** The containers of this node that are on the network. */
  endpointsOf(network: NetworkRecord): NetworkEndpoint[] {
    return endpointsOf(network, this.#sandboxes.values());
  }
}
