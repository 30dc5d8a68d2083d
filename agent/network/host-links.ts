/** Links, addresses and routes of the host's network namespace: bridges and the near ends of veth pairs. */
import { writeFile } from 'node:fs/promises';
import { linkLocalOf, parseSubnet6 } from '../../proto/ipv6/subnet6.ts';
import { requireIpv6Support } from './ipv6/forwarding6.ts';
import type { Ipv6Record } from './ipv6/ipv6-record.ts';
import { bridgeMac, bridgeName, linkPrefix } from './link-names.ts';
import {
  addAddress,
  addAddress6,
  dumpAddresses,
  dumpAddresses6,
  type LinkAddress,
  parseAddress,
} from './netlink/address.ts';
import { deleteFlow, dumpFlows, dumpFlows6, type Flow, parseFlow } from './netlink/conntrack.ts';
import {
  createBridge,
  createPair,
  createVeth,
  createVxlan,
  deleteLink,
  disableLinkLocal,
  dumpLinks,
  getLink,
  type Link,
  parseLink,
  setHairpin,
  setLinkMac,
  setLinkMaster,
  setLinkMtu,
  setLinkUp,
  type VethSpec,
  type VxlanSpec,
} from './netlink/link.ts';
import type { Request } from './netlink/message.ts';
import {
  deleteNeighbour,
  dumpForwarding,
  dumpNeighbours,
  dumpNeighbours6,
  type Neighbour,
  parseNeighbour,
  setNeighbour,
} from './netlink/neighbour.ts';
import { dumpNeighbourTables, type NeighbourTable, parseNeighbourTable } from './netlink/neighbour-table.ts';
import { dumpRoutes, parseRoute, type Route } from './netlink/route.ts';
import { MAIN_TABLE } from './netlink/route-messages.ts';
import { dumpRoutes6, parseRoute6, type Route6 } from './netlink/route6.ts';
import { type Rule, readRules } from './netlink/rule.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, type NetlinkNative, NetlinkSocket } from './netlink/socket.ts';
import type { NetworkRecord } from './network-record.ts';
import { formatIpv4, lastAddress, parseSubnet } from './subnet.ts';

/** A kernel without IPv6, or a link whose MTU is too small for it, has no link-local addresses to disable. */
const NO_IPV6 = 'EAFNOSUPPORT';

/** See createVxlan. */
export interface VxlanRoot {
  readonly socket: NetlinkSocket;
  /** An open file of the host's namespace */
  readonly hostFd: number;
}

export interface PairSpec {
  readonly name: string;
  readonly peer: string;
  readonly alias: string;
}

export class HostLinks {
  readonly #native: NetlinkNative;
  readonly #instance: string;
  #socket: Promise<NetlinkSocket> | undefined;
  /** Apart from the other, as deleting a link takes some ten times as long as everything else. */
  #deleting: Promise<NetlinkSocket> | undefined;

  constructor(native: NetlinkNative, instance: string) {
    this.#native = native;
    this.#instance = instance;
  }

  async links(): Promise<Link[]> {
    const socket = await this.#open();
    return (await socket.query(dumpLinks())).map(parseLink);
  }

  /** Of IPv4. */
  async addresses(): Promise<string[]> {
    return (await this.linkAddresses()).map(({ address }) => address);
  }

  /** The same, and which link has each. */
  async linkAddresses(): Promise<LinkAddress[]> {
    const socket = await this.#open();
    return (await socket.query(dumpAddresses())).flatMap((message) => parseAddress(message) ?? []);
  }

  async addresses6(): Promise<string[]> {
    const socket = await this.#open();
    return (await socket.query(dumpAddresses6())).flatMap((message) => parseAddress(message)?.address ?? []);
  }

  /** Of links that aren't ours. */
  async foreignAddresses6(): Promise<string[]> {
    const socket = await this.#open();
    const ours = await this.#ours();
    const all = (await socket.query(dumpAddresses6())).flatMap((message) => parseAddress(message) ?? []);
    return all.filter(({ linkIndex }) => !ours.has(linkIndex)).map(({ address }) => address);
  }

  /** As foreignRoutes, of IPv6. */
  async foreignRoutes6(): Promise<Route6[]> {
    const socket = await this.#open();
    const ours = await this.#ours();
    const routes = (await socket.query(dumpRoutes6())).flatMap((message) => parseRoute6(message) ?? []);
    return routes.filter(
      ({ linkIndex, table }) => table === MAIN_TABLE && (linkIndex === undefined || !ours.has(linkIndex)),
    );
  }

  /** The host's own routes: those that go through our bridges are left out. */
  async foreignRoutes(): Promise<Route[]> {
    const socket = await this.#open();
    const ours = await this.#ours();
    const routes = (await socket.query(dumpRoutes())).flatMap((message) => parseRoute(message) ?? []);
    return routes.filter(
      ({ linkIndex, table }) => table === MAIN_TABLE && (linkIndex === undefined || !ours.has(linkIndex)),
    );
  }

  async #ours(): Promise<ReadonlySet<number>> {
    const links = (await this.links()).filter(({ name }) => name.startsWith(linkPrefix(this.#instance)));
    return new Set(links.map(({ index }) => index));
  }

  /** Makes or finds the network's bridge, up and with the gateway's address. Returns its index. */
  async ensureBridge(network: NetworkRecord): Promise<number> {
    const socket = await this.#open();
    const name = bridgeName(this.#instance, network.id);
    const spec = { name, alias: `gantry network ${network.name}`, mac: bridgeMac(network), mtu: network.mtu };
    // A bridge keeps the MAC address it is given; one that it takes from its ports would change with them.
    const up = [disableLinkLocal(name), setLinkMtu(name, network.mtu), setLinkUp(name)];
    await socket.run([createBridge(spec), ...up], ['EEXIST', NO_IPV6]);
    const { index, mac } = await this.#find(name);
    if (mac !== spec.mac) await socket.run([setLinkMac(name, spec.mac)]);
    const subnet = parseSubnet(network.subnet);
    const address = {
      linkIndex: index,
      linkName: name,
      address: network.gateway,
      prefixLength: subnet.prefixLength,
      broadcast: formatIpv4(lastAddress(subnet)),
    };
    await socket.run([addAddress(address)]);
    // Answers to the host's own 127.0.0.1 come back through the bridge; the ruleset drops everything else to 127/8.
    if (!network.internal) await writeFile(`/proc/sys/net/ipv4/conf/${name}/route_localnet`, '1');
    await setIpv6(name, 'accept_ra', '0').catch(ignoreMissing);
    if (network.ipv6 !== undefined) await this.#addIpv6(name, index, network.ipv6, spec.mac);
    return index;
  }

  /** With the link-local address that the kernel asks for neighbours under when it forwards. */
  async #addIpv6(linkName: string, linkIndex: number, { subnet, gateway }: Ipv6Record, mac: string): Promise<void> {
    const socket = await this.#open();
    const link = { linkName, linkIndex };
    await setIpv6(linkName, 'disable_ipv6', '0');
    await socket.run([
      addAddress6({ ...link, address: linkLocalOf(mac), prefixLength: 64 }),
      addAddress6({ ...link, address: gateway, prefixLength: parseSubnet6(subnet).prefixLength }),
    ]);
  }

  /**
   * Makes or finds the VXLAN, and brings it up. Returns its index. One of another network, or rooted elsewhere than asked for,
   * is made anew. `root`: the namespace that its packets leave from and arrive in; undefined: the host's own.
   */
  async ensureVxlan(spec: VxlanSpec, root?: VxlanRoot): Promise<number> {
    const socket = await this.#open();
    const known = (await this.links()).find(({ name }) => name === spec.name);
    const isOther =
      known?.vni !== spec.vni || known.mac !== spec.mac || known.isRootedElsewhere !== (root !== undefined);
    if (known !== undefined && isOther) await this.deleteLinks([spec.name]);
    const up = [disableLinkLocal(spec.name), setLinkMtu(spec.name, spec.mtu), setLinkUp(spec.name)];
    if (root === undefined) {
      const local = (await this.addresses()).includes(spec.local ?? '') ? spec.local : undefined;
      await socket.run([createVxlan({ ...spec, local })], ['EEXIST']);
    } else {
      await root.socket.run([createVxlan(spec, root.hostFd)], ['EEXIST']);
    }
    await socket.run(up, [NO_IPV6]);
    return (await this.#find(spec.name)).index;
  }

  /** What a link needs for IPv6 to be routed over it, without an address of its own. Throws HOST where there is none. */
  async allowIpv6(name: string): Promise<void> {
    await requireIpv6Support();
    await setIpv6(name, 'accept_ra', '0');
    await setIpv6(name, 'disable_ipv6', '0');
  }

  /** The opposite: its addresses of IPv6 go, too. */
  async refuseIpv6(name: string): Promise<void> {
    await setIpv6(name, 'disable_ipv6', '1').catch(ignoreMissing);
  }

  /** Those of ours that `ensureVxlan` has made with a root. */
  async deleteRootedElsewhere(): Promise<void> {
    const prefix = linkPrefix(this.#instance);
    const rooted = (await this.links()).filter(({ kind, isRootedElsewhere }) => kind === 'vxlan' && isRootedElsewhere);
    await this.deleteLinks(rooted.map(({ name }) => name).filter((name) => name.startsWith(prefix)));
  }

  /** The MTU of the link that has the address; undefined when no link of this host has it. */
  async mtuOf(address: string): Promise<number | undefined> {
    const linkIndex = (await this.linkAddresses()).find((one) => one.address === address)?.linkIndex;
    return (await this.links()).find(({ index }) => index === linkIndex)?.mtu;
  }

  /** Addresses of neighbours on the link that were set for good, and their MAC addresses. */
  async neighbours(linkIndex: number): Promise<Neighbour[]> {
    const ipv4 = await this.#neighbours(dumpNeighbours(), linkIndex);
    return [...ipv4, ...(await this.#neighbours(dumpNeighbours6(), linkIndex))];
  }

  /** What is learnt of neighbours, in all network namespaces together. */
  async neighbourTables(): Promise<NeighbourTable[]> {
    const socket = await this.#open();
    return (await socket.query(dumpNeighbourTables())).flatMap((message) => parseNeighbourTable(message) ?? []);
  }

  /** Of a VXLAN: MAC addresses, and the hosts that have them. */
  async forwarding(linkIndex: number): Promise<Neighbour[]> {
    return this.#neighbours(dumpForwarding(), linkIndex);
  }

  /** Of the main table. */
  async routes(linkIndex: number): Promise<Route[]> {
    return (await this.routesOfTables(linkIndex)).filter(({ table }) => table === MAIN_TABLE);
  }

  /** The same of IPv6. */
  async routes6(linkIndex: number): Promise<Route6[]> {
    return (await this.routesOfTables6(linkIndex)).filter(({ table }) => table === MAIN_TABLE);
  }

  async routesOfTables6(linkIndex: number): Promise<Route6[]> {
    const socket = await this.#open();
    const routes = (await socket.query(dumpRoutes6())).flatMap((message) => parseRoute6(message) ?? []);
    return routes.filter((route) => route.linkIndex === linkIndex);
  }

  async routesOfTables(linkIndex: number): Promise<Route[]> {
    const socket = await this.#open();
    const routes = (await socket.query(dumpRoutes())).flatMap((message) => parseRoute(message) ?? []);
    return routes.filter((route) => route.linkIndex === linkIndex);
  }

  /** Those that look at marks. */
  async rules(): Promise<Rule[]> {
    return readRules(await this.#open());
  }

  /** Requests in order. Errors in `ignore` are none. */
  async run(requests: readonly Request[], ignore: readonly string[]): Promise<void> {
    await (await this.#open()).run(requests, ignore);
  }

  /**
   * Near ends up; one that is there from an attempt that was cut short is made anew. `neighbours`: who is at the far ends, on
   * their bridges.
   */
  async createVeths(specs: readonly VethSpec[], neighbours: readonly Neighbour[]): Promise<void> {
    if (specs.length === 0) return;
    const socket = await this.#open();
    const links = specs.flatMap((spec) => [
      createVeth(spec),
      setHairpin(spec.name),
      disableLinkLocal(spec.name),
      setLinkUp(spec.name),
    ]);
    const create = [...links, ...neighbours.map(setNeighbour)];
    try {
      await socket.run(create, [NO_IPV6]);
    } catch (error) {
      await this.deleteLinks(specs.map(({ name }) => name));
      if (!isExisting(error)) throw error;
      await socket.run(create, [NO_IPV6]);
    }
  }

  /** Makes or finds two links that are each other's far end, both up. */
  async ensurePair({ name, peer, alias }: PairSpec): Promise<void> {
    const up = [name, peer].flatMap((end) => [disableLinkLocal(end), setLinkUp(end)]);
    await this.run([createPair(name, peer, alias), ...up], ['EEXIST', NO_IPV6]);
  }

  async setMaster(name: string, master: number): Promise<void> {
    const socket = await this.#open();
    await socket.run([setLinkMaster(name, master), setHairpin(name), setLinkUp(name)]);
  }

  /** With a veth goes its far end. Links that aren't there are passed over. */
  async deleteLinks(names: readonly string[]): Promise<void> {
    await this.deleteVeths(names, []);
  }

  /** Also who was at the far ends. */
  async deleteVeths(names: readonly string[], neighbours: readonly Neighbour[]): Promise<void> {
    if (names.length === 0) return;
    this.#deleting ??= NetlinkSocket.open(this.#native, null, NETLINK_ROUTE);
    const socket = await this.#deleting;
    await socket.run([...names.map(deleteLink), ...neighbours.map(deleteNeighbour)], ['ENODEV', 'ENOENT', NO_IPV6]);
  }

  /** Every link that a gantryd of this instance has made. */
  async deleteAll(): Promise<void> {
    const prefix = linkPrefix(this.#instance);
    const names = (await this.links()).map(({ name }) => name).filter((name) => name.startsWith(prefix));
    await this.deleteLinks(names);
  }

  /** Deletes the tracked connections that `choose` picks. */
  async deleteFlows(choose: (flows: readonly Flow[]) => readonly Flow[]): Promise<void> {
    const socket = await NetlinkSocket.open(this.#native, null, NETLINK_NETFILTER);
    try {
      const messages = [...(await socket.query(dumpFlows())), ...(await socket.query(dumpFlows6()))];
      const flows = messages.flatMap((message) => parseFlow(message) ?? []);
      // One that ended by itself in the meantime is as good.
      await socket.run(choose(flows).map(deleteFlow), ['ENOENT']);
    } finally {
      await socket.close();
    }
  }

  async close(): Promise<void> {
    const sockets = await Promise.all([this.#socket, this.#deleting]);
    this.#socket = undefined;
    this.#deleting = undefined;
    await Promise.all(sockets.map((socket) => socket?.close()));
  }

  #open(): Promise<NetlinkSocket> {
    this.#socket ??= NetlinkSocket.open(this.#native, null, NETLINK_ROUTE);
    return this.#socket;
  }

  async #neighbours(dump: Request, linkIndex: number): Promise<Neighbour[]> {
    const socket = await this.#open();
    const all = (await socket.query(dump)).flatMap((message) => parseNeighbour(message) ?? []);
    return all.filter((neighbour) => neighbour.linkIndex === linkIndex);
  }

  async #find(name: string): Promise<Link> {
    const socket = await this.#open();
    const [message] = await socket.query(getLink(name));
    if (message === undefined) throw new Error(`the kernel says nothing of link ${name}`);
    return parseLink(message);
  }
}

/** accept_ra: a container must not be able to tell the host of routes by router advertisements. */
async function setIpv6(link: string, key: 'accept_ra' | 'disable_ipv6', value: string): Promise<void> {
  await writeFile(`/proc/sys/net/ipv6/conf/${link}/${key}`, value);
}

/** A kernel without IPv6, or a link whose MTU is too small for it, has none of its settings. */
function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
