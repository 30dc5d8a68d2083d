/**
 * Who is called what: names on each network. Pure; made anew from the node's sandboxes, the cluster's services and the
 * containers that other nodes have on its networks, whenever one of them changes.
 *
 * Who has a name that several want: a service, alone, on whichever node the others are. Containers that are called the
 * same share the name, and it has the addresses of all, as in Docker.
 */
import type { AttachedContainer } from '../../../proto/generated/gantry/v1/dispatcher.ts';
import type { ServiceEndpoints } from '../../../proto/generated/gantry/v1/types.ts';
import { bothOf } from '../ipv6/counterpart.ts';
import type { NetworkRecord } from '../network-record.ts';
import { addressesOf, type SandboxRecord } from '../sandbox-record.ts';
import { hasVirtualIps } from '../vip/virtual-service.ts';

export interface NetworkNames {
  /** "frontend": names can be written NAME.NETWORK too. */
  readonly networkName: string;
  /** Lower-case name to addresses; no addresses for a service without an endpoint that may be sent traffic. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** Address to the one name that a reverse query answers. */
  readonly names: ReadonlyMap<string, string>;
}

/** What of a network it takes. */
export type NamedNetwork = Pick<NetworkRecord, 'id' | 'name' | 'overlay' | 'subnet' | 'cluster' | 'ipv6'>;

/** By network id. */
export type NameTable = ReadonlyMap<string, NetworkNames>;

class NetworkNamesBuilder implements NetworkNames {
  readonly networkName: string;
  readonly network: NamedNetwork;
  readonly addresses = new Map<string, string[]>();
  readonly names = new Map<string, string>();
  /** Names of services: what an alias of a container can't add to, for only the cluster knows who is healthy. */
  readonly #owned = new Set<string>();

  constructor(network: NamedNetwork) {
    this.networkName = network.name;
    this.network = network;
  }

  addService(name: string, addresses: readonly string[]): void {
    this.#owned.add(name.toLowerCase());
    this.#add(name, addresses);
  }

  addContainer(name: string, addresses: readonly string[]): void {
    if (!this.#owned.has(name.toLowerCase())) this.#add(name, addresses);
  }

  setReverse(address: string, name: string): void {
    if (!this.names.has(address)) this.names.set(address, name);
  }

  #add(name: string, addresses: readonly string[]): void {
    const known = this.addresses.get(name.toLowerCase()) ?? [];
    this.addresses.set(name.toLowerCase(), [...new Set([...known, ...addresses])]);
  }
}

export function buildNameTable(
  networks: Iterable<NamedNetwork>,
  services: readonly ServiceEndpoints[],
  sandboxes: Iterable<SandboxRecord>,
  attached: readonly AttachedContainer[],
): NameTable {
  const table = new Map<string, NetworkNamesBuilder>();
  for (const network of networks) table.set(network.id, new NetworkNamesBuilder(network));
  // Services first: they own their names.
  for (const service of services) addServiceNames(table, service);
  for (const sandbox of sandboxes) addSandboxNames(table, sandbox);
  for (const container of attached) addAttachedNames(table, container);
  return table;
}

function addServiceNames(table: ReadonlyMap<string, NetworkNamesBuilder>, service: ServiceEndpoints): void {
  for (const { target, aliases } of service.networks) {
    const names = table.get(target);
    if (names === undefined) continue;
    const endpoints = service.endpoints.flatMap((endpoint) =>
      endpoint.addresses
        .filter(({ networkId }) => networkId === target)
        .map(({ address }) => ({
          addresses: bothOf(names.network, address),
          slot: endpoint.slot,
          containerName: endpoint.containerName,
        })),
    );
    const all = endpoints.flatMap(({ addresses }) => addresses);
    const vip = hasVirtualIps(names.network)
      ? service.virtualIps.find(({ networkId }) => networkId === target)
      : undefined;
    const own = vip === undefined ? [] : bothOf(names.network, vip.address);
    for (const address of own) names.setReverse(address, service.serviceName);
    for (const name of [service.serviceName, ...aliases]) {
      // Without a healthy task the name leads nowhere, by whichever address.
      names.addService(name, vip === undefined || all.length === 0 ? all : own);
      names.addService(`tasks.${name}`, all);
      for (const { slot, addresses } of endpoints) {
        if (slot > 0) names.addService(`${name}.${slot}`, addresses);
      }
    }
    for (const { containerName, addresses } of endpoints) {
      if (containerName === '') continue;
      names.addContainer(containerName, addresses);
      for (const address of addresses) names.setReverse(address, containerName);
    }
  }
}

function addSandboxNames(table: ReadonlyMap<string, NetworkNamesBuilder>, sandbox: SandboxRecord): void {
  for (const attachment of sandbox.attachments) {
    const addresses = addressesOf(attachment);
    const names = table.get(attachment.networkId);
    if (names === undefined) continue;
    addContainerNames(names, [...sandbox.request.names, ...attachment.aliases], addresses);
  }
}

function addAttachedNames(table: ReadonlyMap<string, NetworkNamesBuilder>, container: AttachedContainer): void {
  const names = table.get(container.networkId);
  if (names === undefined) return;
  const addresses = container.addresses.flatMap((address) => bothOf(names.network, address));
  addContainerNames(names, container.names, addresses);
}

/** The first of its names is the one that its addresses have. */
function addContainerNames(table: NetworkNamesBuilder, names: readonly string[], addresses: readonly string[]): void {
  for (const name of names) table.addContainer(name, addresses);
  const [first] = names;
  if (first !== undefined) for (const address of addresses) table.setReverse(address, first);
}

/**
 * What the tables of the asker's networks, in its order, say of a name; undefined when none knows it. The first
 * network where somebody has the name answers alone, as in Docker: a task that shares two networks with the asker
 * would else be sent twice its share.
 */
export function lookupName(tables: readonly NetworkNames[], name: string): readonly string[] | undefined {
  const wanted = name.toLowerCase();
  let known: readonly string[] | undefined;
  for (const table of tables) {
    const suffix = `.${table.networkName.toLowerCase()}`;
    const short = wanted.endsWith(suffix) ? wanted.slice(0, -suffix.length) : undefined;
    const addresses = table.addresses.get(wanted) ?? (short === undefined ? undefined : table.addresses.get(short));
    if (addresses !== undefined && addresses.length > 0) return addresses;
    known ??= addresses;
  }
  return known;
}

/** "NAME.NETWORK" of the address, as Docker answers; undefined when nobody on the asker's networks has it. */
export function lookupAddress(tables: readonly NetworkNames[], address: string): string | undefined {
  for (const table of tables) {
    const name = table.names.get(address);
    if (name !== undefined) return `${name}.${table.networkName}`;
  }
  return undefined;
}
