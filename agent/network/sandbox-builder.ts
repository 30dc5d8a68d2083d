/** Makes one container's sandbox in the kernel and its files, and takes them down again. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Native } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';
import { parseSubnet6 } from '../../proto/ipv6/subnet6.ts';
import { renderHostname, renderHosts, renderResolvConf, replaceOwnHosts } from './container-files.ts';
import type { HostResolvConf } from './dns/host-resolv-conf.ts';
import type { HostLinks } from './host-links.ts';
import { bridgeName, vethName } from './link-names.ts';
import { MacvlanLinks } from './macvlan/macvlan-links.ts';
import type { Parents } from './macvlan/parents.ts';
import type { NetworkModel } from './model.ts';
import { type InterfaceSpec, type NamespaceSpec, Namespaces } from './namespaces.ts';
import { containerNeighbours, gatewayNeighbours } from './neighbours.ts';
import type { VethSpec } from './netlink/link.ts';
import type { Neighbour } from './netlink/neighbour.ts';
import { isNetlinkError } from './netlink/socket.ts';
import { ipv6PrefixLength } from './network-description.ts';
import type { NetworkRecord } from './network-record.ts';
import type { Sandbox } from './networks.ts';
import {
  type Attachment,
  addressesOf,
  displayName,
  interfaceName,
  interfacesOf,
  macAddressOf,
  macvlansOf,
  type SandboxRecord,
  vethsOf,
} from './sandbox-record.ts';
import { parseSubnet } from './subnet.ts';

/** Of a bridge (linux/net/bridge/br_private.h, BR_MAX_PORTS, of which the first isn't used). */
const MAX_PORTS = 1023;

export interface SandboxBuilderParts {
  readonly instance: string;
  readonly execDir: string;
  readonly native: Native;
  readonly model: NetworkModel;
  readonly links: HostLinks;
  readonly parents: Parents;
  readonly hostResolvConf: HostResolvConf;
}

export interface SandboxFiles {
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
}

export class SandboxBuilder {
  readonly #parts: SandboxBuilderParts;
  readonly namespaces: Namespaces;
  readonly macvlanLinks: MacvlanLinks;
  /** Index of each network's bridge, once it is there. */
  readonly #bridges = new Map<string, Promise<number>>();

  constructor(parts: SandboxBuilderParts) {
    this.#parts = parts;
    this.namespaces = new Namespaces(parts.native, join(parts.execDir, 'netns'));
    this.macvlanLinks = new MacvlanLinks({ ...parts, namespaces: this.namespaces });
  }

  /** What the container's files will say. Throws INVALID_ARGUMENT for what they can't. */
  async renderFiles(record: SandboxRecord): Promise<SandboxFiles> {
    const { request, attachments } = record;
    return {
      hosts: renderHosts({
        ...request,
        addresses: attachments.flatMap(addressesOf),
        hostGateway: this.#hostGateway(record),
      }),
      hostname: renderHostname(request.hostname),
      resolvConf: renderResolvConf({ ...request, host: await this.#parts.hostResolvConf.read() }),
    };
  }

  async createNamespace(record: SandboxRecord): Promise<void> {
    await this.namespaces.create(record.request.containerId);
  }

  /** Into a new namespace: its interfaces, plugged into their bridges, addresses and routes. */
  async connect(record: SandboxRecord): Promise<void> {
    await this.#plugIn(record);
    await this.namespaces.configure(record.request.containerId, this.#namespaceSpec(record));
  }

  /** At once: that takes less than to ask the thread pool for each of them. */
  async writeFiles(record: SandboxRecord, files: SandboxFiles): Promise<void> {
    const dir = this.#filesDir(record.request.containerId);
    mkdirSync(dir, { recursive: true, mode: 0o711 });
    writeFileSync(join(dir, 'hosts'), files.hosts);
    writeFileSync(join(dir, 'hostname'), files.hostname);
    writeFileSync(join(dir, 'resolv.conf'), files.resolvConf);
  }

  /** Brings links back that are missing or on no bridge, in a namespace that may be in use. */
  async repairLinks(record: SandboxRecord): Promise<void> {
    const { containerId } = record.request;
    const present = new Map((await this.#parts.links.links()).map((link) => [link.name, link]));
    for (const [index, { networkId }] of vethsOf(record)) {
      const link = present.get(vethName(this.#parts.instance, containerId, index));
      if (link !== undefined) await this.#parts.links.setMaster(link.name, await this.bridge(networkId));
    }
    await this.#plugVethsIn(record, new Set(present.keys()));
    const macvlans = macvlansOf(record);
    const there = await this.macvlanLinks.present(containerId, macvlans);
    await this.macvlanLinks.plugIn(
      containerId,
      macvlans.filter(([number]) => !there.includes(number)),
    );
    await this.namespaces.configure(containerId, this.#namespaceSpec(record));
  }

  /** Namespace and files; the namespace's end would take the links along too, but nobody could wait for that. */
  async unpin(containerId: string): Promise<void> {
    await this.macvlanLinks.unplugAll(containerId);
    await this.namespaces.unpin(containerId);
    await rm(this.#filesDir(containerId), { recursive: true, force: true });
  }

  /** Containers that have files here, whether or not their set-up was finished. */
  async withFiles(): Promise<Set<string>> {
    return new Set(await readdir(join(this.#parts.execDir, 'files')).catch(emptyIfMissing));
  }

  async unplug(record: SandboxRecord): Promise<void> {
    const { containerId } = record.request;
    const veths = vethsOf(record);
    const names = veths.map(([index]) => vethName(this.#parts.instance, containerId, index));
    // Of a bridge that isn't there, or couldn't be made, nobody is a neighbour.
    const masters = await Promise.all(
      veths.map(([, { networkId }]) => this.#bridges.get(networkId)?.catch(() => undefined)),
    );
    await this.#parts.links.deleteVeths(names, neighboursOn(masters, veths));
    await this.macvlanLinks.unplug(containerId, macvlansOf(record));
  }

  /** Interfaces that the sandbox is to have besides those that it has, in a namespace that is in use. */
  plugIn(record: SandboxRecord, joining: readonly Attachment[]): Promise<void> {
    return this.#plugIn({ ...record, attachments: joining });
  }

  /** Addresses and routes as the record says. Idempotent. */
  configure(record: SandboxRecord): Promise<void> {
    return this.namespaces.configure(record.request.containerId, this.#namespaceSpec(record));
  }

  /** The container's own lines in its hosts file; what it has written there itself stays. */
  async updateHosts(before: SandboxRecord, after: SandboxRecord): Promise<void> {
    const path = join(this.#filesDir(after.request.containerId), 'hosts');
    const addresses = (record: SandboxRecord) => record.attachments.flatMap(addressesOf);
    const text = await readFile(path, 'utf8');
    // In place: the file is mounted into the container, which would keep an old one.
    await writeFile(path, replaceOwnHosts(text, after.request, addresses(before), addresses(after)));
  }

  /** Makes or finds the network's bridge. Returns its link index. */
  bridge(networkId: string): Promise<number> {
    const known = this.#bridges.get(networkId);
    if (known !== undefined) return known;
    const made = this.#parts.links.ensureBridge(this.#network(networkId));
    this.#bridges.set(networkId, made);
    made.catch(() => this.#bridges.delete(networkId));
    return made;
  }

  /** Whether it has been made, and not removed. */
  hasBridge(networkId: string): boolean {
    return this.#bridges.has(networkId);
  }

  /** It is the same bridge, but what is said of its network has changed. */
  async remakeBridge(networkId: string): Promise<void> {
    this.#bridges.delete(networkId);
    await this.bridge(networkId);
  }

  async removeBridge(networkId: string): Promise<void> {
    this.#bridges.delete(networkId);
    await this.#parts.links.deleteLinks([bridgeName(this.#parts.instance, networkId)]);
  }

  describe(record: SandboxRecord): Sandbox {
    const { containerId } = record.request;
    const dir = this.#filesDir(containerId);
    return {
      netnsPath: this.namespaces.pathOf(containerId),
      networks: record.attachments.map((attachment) => {
        const { networkId, networkName, address, ipv6, aliases } = attachment;
        const network = this.#network(networkId);
        return {
          networkId,
          networkName,
          address,
          prefixLength: network.overlay === undefined ? parseSubnet(network.subnet).prefixLength : 32,
          gateway: network.gateway,
          macAddress: macAddressOf(attachment),
          aliases: [...aliases],
          ipv6Address: ipv6 ?? '',
          ipv6PrefixLength: ipv6PrefixLength(network),
          ipv6Gateway: network.ipv6?.gateway ?? '',
        };
      }),
      ports: record.ports,
      hostsPath: join(dir, 'hosts'),
      hostnamePath: join(dir, 'hostname'),
      resolvConfPath: join(dir, 'resolv.conf'),
    };
  }

  async #plugIn(record: SandboxRecord): Promise<void> {
    await this.#plugVethsIn(record, new Set());
    await this.macvlanLinks.plugIn(record.request.containerId, macvlansOf(record));
  }

  async #plugVethsIn(record: SandboxRecord, present: ReadonlySet<string>): Promise<void> {
    const veths = vethsOf(record);
    if (veths.length === 0) return;
    const masters = await Promise.all(veths.map(([, { networkId }]) => this.bridge(networkId)));
    await this.namespaces.withFile(record.request.containerId, async (netnsFd) => {
      const specs = veths.map(([index, attachment], position) =>
        this.#vethSpec(record, index, attachment, masters[position] ?? 0, netnsFd),
      );
      const missing = specs.filter(({ name }) => !present.has(name));
      try {
        await this.#parts.links.createVeths(missing, neighboursOn(masters, veths));
      } catch (error) {
        throw isNetlinkError(error, 'EXFULL') ? bridgeFull(veths, error) : error;
      }
    });
  }

  #vethSpec(record: SandboxRecord, index: number, attachment: Attachment, master: number, netnsFd: number): VethSpec {
    return {
      name: vethName(this.#parts.instance, record.request.containerId, index),
      alias: `gantry container ${displayName(record)}`,
      mtu: this.#network(attachment.networkId).mtu,
      master,
      peer: { name: interfaceName(index, attachment), mac: macAddressOf(attachment), netnsFd },
    };
  }

  #namespaceSpec(record: SandboxRecord): NamespaceSpec {
    const network = this.#parts.model.defaultNetwork(record);
    const network6 = this.#parts.model.defaultNetwork6(record);
    const interfaces = interfacesOf(record);
    const nameOf = (id: string) => {
      const found = interfaces.find(([, { networkId }]) => networkId === id);
      return found === undefined ? '' : interfaceName(...found);
    };
    return {
      interfaces: interfaces.map(([position, { networkId, address, ipv6, ...attachment }]) => ({
        name: interfaceName(position, attachment),
        address,
        subnet: parseSubnet(this.#network(networkId).subnet),
        router: routerOf(this.#network(networkId)),
        ipv6: ipv6 === undefined ? undefined : ipv6Spec(ipv6, this.#network(networkId)),
        neighbours: gatewayNeighbours(this.#network(networkId), { ipv6 }),
        linkLocalIps: attachment.linkLocalIps ?? [],
      })),
      defaultRoute: network && { gateway: network.gateway, interface: nameOf(network.id) },
      answers: this.#answers(record),
      defaultRoute6: network6?.ipv6 && { gateway: network6.ipv6.gateway, interface: nameOf(network6.id) },
    };
  }

  /**
   * What comes to published ports comes through the container's host, and its answers must leave there, also when who asks is
   * on a LAN that the container is on itself.
   */
  #answers(record: SandboxRecord): NamespaceSpec['answers'] {
    const network = this.#parts.model.defaultNetwork(record);
    const [number, way] = interfacesOf(record).find(([, { networkId }]) => networkId === network?.id) ?? [];
    if (network === undefined || way === undefined || network.macvlan !== undefined) return undefined;
    if (macvlansOf(record).length === 0) return undefined;
    return { address: way.address, gateway: network.gateway, interface: interfaceName(number ?? 0, way) };
  }

  /** Of a macvlan network the gateway is another host, and its containers can't reach theirs. */
  #hostGateway(record: SandboxRecord): string | undefined {
    const network = this.#parts.model.defaultNetwork(record);
    return network?.macvlan === undefined ? network?.gateway : undefined;
  }

  #filesDir(containerId: string): string {
    return join(this.#parts.execDir, 'files', containerId);
  }

  #network(networkId: string): NetworkRecord {
    return this.#parts.model.findNetwork(networkId);
  }
}

function bridgeFull(veths: readonly (readonly [number, Attachment])[], cause: Error): GantryError {
  const networks = veths.map(([, { networkName }]) => networkName).join(', ');
  const message = `network ${networks}: this host has as many containers on it as a bridge takes, ${MAX_PORTS}`;
  return new GantryError('EXHAUSTED', message, { hint: 'use more hosts, or more networks', cause });
}

/** Of containers' interfaces, each on the bridge with the index at its place. */
function neighboursOn(
  masters: readonly (number | undefined)[],
  veths: readonly (readonly [number, Attachment])[],
): Neighbour[] {
  return veths.flatMap(([, attachment], position) => {
    const linkIndex = masters[position];
    if (linkIndex === undefined) return [];
    return containerNeighbours(attachment).map((neighbour) => ({ ...neighbour, linkIndex }));
  });
}

/**
 * On a network that spans nodes, containers reach each other through their hosts, also those of the same one: else the
 * answer of a neighbour that was called by its service's address would come from a stranger.
 */
function routerOf({ overlay, gateway }: NetworkRecord): string | undefined {
  return overlay === undefined ? undefined : gateway;
}

function ipv6Spec(address: string, { name, ipv6, overlay }: NetworkRecord): InterfaceSpec['ipv6'] {
  if (ipv6 === undefined) throw new GantryError('INTERNAL', `network ${name} has no IPv6 addresses`);
  return { address, subnet: parseSubnet6(ipv6.subnet), router: overlay === undefined ? undefined : ipv6.gateway };
}

function emptyIfMissing(error: unknown): string[] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
  throw error;
}
