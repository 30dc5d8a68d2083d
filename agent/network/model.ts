/** What this node knows of its networks, sandboxes and services, and what follows from it. No I/O. */
import { GantryError } from '../../proto/errors.ts';
import type { LocalNetwork } from '../../proto/generated/gantry/v1/engine.ts';
import type { ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import { Addresses } from './addresses.ts';
import type { Asker } from './dns/decide.ts';
import { buildNameTable, type NameTable } from './dns/name-table.ts';
import { bridgeName, vxlanName } from './link-names.ts';
import { DEFAULT_NETWORK, type NetworkRecord } from './network-record.ts';
import type { SandboxRequest } from './networks.ts';
import { containerPorts, defaultAttachment } from './published.ts';
import type { BridgeRules, PublishedPort } from './ruleset.ts';
import type { Attachment, SandboxRecord } from './sandbox-record.ts';
import { parseSubnet } from './subnet.ts';
import { type VirtualService, virtualServices } from './vip/virtual-service.ts';

/** Of containers that were removed nobody says so here. */
const MAX_LEFT = 1000;

export class NetworkModel {
  readonly #instance: string;
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #sandboxes = new Map<string, SandboxRecord>();
  #services: readonly ServiceEndpoints[] = [];
  #nodes: ReadonlyMap<string, string> = new Map();
  readonly addresses = new Addresses();
  /** Made when first asked for after a change. */
  #nameTable: NameTable | undefined;
  /** What containers had that are down: one that is started again keeps its addresses, which others know. */
  readonly #left = new Map<string, readonly Attachment[]>();

  constructor(instance: string) {
    this.#instance = instance;
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

  setNodes(nodes: ReadonlyMap<string, string>): void {
    this.#nodes = nodes;
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
    this.#nameTable = undefined;
  }

  /** Its addresses are free from now on. */
  removeSandbox(containerId: string): void {
    const record = this.#sandboxes.get(containerId);
    for (const { networkId, address } of record?.attachments ?? []) this.addresses.free(networkId, address);
    if (record !== undefined) this.#remember(record);
    this.#sandboxes.delete(containerId);
    this.#nameTable = undefined;
  }

  #remember({ request, attachments }: SandboxRecord): void {
    this.#left.set(request.containerId, attachments);
    const [oldest] = this.#left.keys();
    if (this.#left.size > MAX_LEFT && oldest !== undefined) this.#left.delete(oldest);
  }

  setServices(services: readonly ServiceEndpoints[]): void {
    this.#services = services;
    this.#nameTable = undefined;
  }

  /** By id or name; empty and "default" mean the host's own network. Throws NOT_FOUND. */
  findNetwork(target: string): NetworkRecord {
    const wanted = target === '' || target === 'default' ? DEFAULT_NETWORK : target;
    const network = this.#networks.get(wanted) ?? [...this.#networks.values()].find(({ name }) => name === wanted);
    if (network === undefined) throw new GantryError('NOT_FOUND', `network ${wanted} not found on this node`);
    return network;
  }

  /**
   * A new sandbox with an address on each network, not yet kept. Throws NOT_FOUND, EXHAUSTED, INVALID_ARGUMENT, and
   * then has taken nothing.
   */
  assign(request: SandboxRequest): SandboxRecord {
    const networks = request.networks.map(({ target, aliases }) => ({ network: this.findNetwork(target), aliases }));
    if (new Set(networks.map(({ network }) => network.id)).size < networks.length) {
      throw new GantryError('INVALID_ARGUMENT', 'a container can be on each network only once');
    }
    const attachments: Attachment[] = [];
    const last = this.#left.get(request.containerId) ?? [];
    this.#left.delete(request.containerId);
    try {
      for (const { network, aliases } of networks) {
        const before = last.find(({ networkId }) => networkId === network.id);
        const address = this.addresses.take(network, before?.address);
        attachments.push({ networkId: network.id, networkName: network.name, address, aliases });
      }
    } catch (error) {
      for (const { networkId, address } of attachments) this.addresses.free(networkId, address);
      throw error;
    }
    return { request, attachments, ports: [], ready: false };
  }

  /** The network that the default route goes through; undefined when all are internal. */
  defaultNetwork(record: SandboxRecord): NetworkRecord | undefined {
    const attachment = defaultAttachment(record.attachments, this.#networks);
    return attachment === undefined ? undefined : this.#networks.get(attachment.networkId);
  }

  bridgeRules(): BridgeRules[] {
    return [...this.#networks.values()].map(({ id, subnet, internal, overlay }) => ({
      bridge: bridgeName(this.#instance, id),
      subnet,
      internal,
      vxlan: overlay && vxlanName(this.#instance, id),
    }));
  }

  /** Of this node's containers, on networks that span nodes. */
  overlayAddresses(): string[] {
    return [...this.#sandboxes.values()].flatMap(({ attachments }) =>
      attachments.flatMap(({ networkId, address }) => (this.#networks.get(networkId)?.overlay ? [address] : [])),
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
      forwards: this.defaultNetwork(record) !== undefined,
      choseNdots: record.request.dnsOptions.some((option) => option.startsWith('ndots:')),
    };
  }

  #names(): NameTable {
    const ready = [...this.#sandboxes.values()].filter((sandbox) => sandbox.ready);
    this.#nameTable ??= buildNameTable(this.#networks.values(), this.#services, ready);
    return this.#nameTable;
  }

  list(): LocalNetwork[] {
    return [...this.#networks.values()]
      .map(({ id, name, driver, subnet, gateway, internal, cluster, createdAtMs }) => {
        return { id, name, driver, subnet, gateway, internal, cluster, createdAtMs };
      })
      .toSorted((a, b) => a.name.localeCompare(b.name, 'en'));
  }
}
