/** Containers' network namespaces: pinned as files under EXEC_ROOT/network/netns, and what is set inside them. */
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Native } from '../../native/addon/native.ts';
import { linkLocalOf, requireIpv6, type Subnet6, subnet6Of } from '../../proto/ipv6/subnet6.ts';
import { LINK_LOCAL_PREFIX, LINK_LOCAL_PREFIX6 } from '../../proto/link-local.ts';
import type { KnownNeighbour } from './neighbours.ts';
import { addAddress, addAddress6 } from './netlink/address.ts';
import {
  deleteLink,
  disableLinkLocal,
  dumpLinks,
  type Link,
  parseLink,
  renameLink,
  setLinkUp,
} from './netlink/link.ts';
import type { Request } from './netlink/message.ts';
import { setNeighbour } from './netlink/neighbour.ts';
import { EVERYWHERE, setRoute } from './netlink/route.ts';
import { EVERYWHERE6, setRoute6 } from './netlink/route6.ts';
import { addSourceRule } from './netlink/rule.ts';
import { AF_INET, AF_INET6, dumpTcpSockets, parseTcpSocket, type TcpSocket } from './netlink/sock-diag.ts';
import { NETLINK_ROUTE, NETLINK_SOCK_DIAG, NetlinkSocket } from './netlink/socket.ts';
import { formatIpv4, lastAddress, requireIpv4, type Subnet } from './subnet.ts';

/** linux/magic.h */
const NSFS_MAGIC = 0x6e736673;
const MNT_DETACH = 2;
const NO_IPV6 = 'EAFNOSUPPORT';
/** In containers nobody else has tables or rules, unless the container makes them itself. */
const ANSWERS = { table: 100, priority: 100 };
const VIA_NEIGHBOUR = { isGatewayOnLink: false };

export interface InterfaceSpec {
  /** "eth0" */
  readonly name: string;
  readonly address: string;
  readonly subnet: Subnet;
  /** Undefined: all of the subnet is on the interface's link. Otherwise all but this address is behind it. */
  readonly router: string | undefined;
  /** Undefined: it has no IPv6 address. */
  readonly ipv6: Ipv6Spec | undefined;
  /** Whose MAC addresses on its link needn't be asked for. */
  readonly neighbours: readonly KnownNeighbour[];
  /** Beside the others, of IPv4 and IPv6. */
  readonly linkLocalIps: readonly string[];
}

interface Ipv6Spec {
  readonly address: string;
  readonly subnet: Subnet6;
  /** As that of IPv4. */
  readonly router: string | undefined;
}

interface DefaultRoute {
  readonly gateway: string;
  readonly interface: string;
}

export interface NamespaceSpec {
  readonly interfaces: readonly InterfaceSpec[];
  readonly defaultRoute: DefaultRoute | undefined;
  readonly defaultRoute6: DefaultRoute | undefined;
  /** Where what is sent from an address leaves, whoever else is a neighbour of the one that it goes to. */
  readonly answers: (DefaultRoute & { readonly address: string }) | undefined;
}

export class Namespaces {
  readonly #native: Native;
  readonly #dir: string;

  constructor(native: Native, dir: string) {
    this.#native = native;
    this.#dir = dir;
  }

  pathOf(containerId: string): string {
    return join(this.#dir, containerId);
  }

  /** Containers whose namespace is pinned. A file that isn't one (any more) is removed. */
  async list(): Promise<Set<string>> {
    const pinned = new Set<string>();
    for (const containerId of await readdir(this.#dir).catch(emptyIfMissing)) {
      if (await this.isPinned(containerId)) pinned.add(containerId);
      else await rm(this.pathOf(containerId), { force: true });
    }
    return pinned;
  }

  async isPinned(containerId: string): Promise<boolean> {
    try {
      return (await statfs(this.pathOf(containerId))).type === NSFS_MAGIC;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async create(containerId: string): Promise<void> {
    try {
      await this.#native.createNetns(this.pathOf(containerId));
    } catch (error) {
      if (!isMissing(error)) throw error;
      await mkdir(this.#dir, { recursive: true, mode: 0o711 });
      await this.#native.createNetns(this.pathOf(containerId));
    }
  }

  /** Runs `use` with the namespace's file open, as IFLA_NET_NS_FD wants it. */
  async withFile<T>(containerId: string, use: (fd: number) => Promise<T>): Promise<T> {
    // Never blocks, and needn't queue behind what else the thread pool writes for the container.
    const fd = openSync(this.pathOf(containerId), 'r');
    try {
      return await use(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Interfaces up with their addresses, then the default route. Idempotent. */
  async configure(containerId: string, spec: NamespaceSpec): Promise<void> {
    const { interfaces, defaultRoute, defaultRoute6, answers } = spec;
    if (interfaces.length === 0) return;
    for (const one of interfaces) if (hasIpv6(one)) await this.#allowIpv6(containerId, one.name);
    await this.#withSocket(containerId, async (socket) => {
      const links = (await socket.query(dumpLinks())).map(parseLink);
      const indexOf = (name: string): number => links.find((link) => link.name === name)?.index ?? 0;
      const requests = interfaces.flatMap((one) => {
        const link = links.find(({ name }) => name === one.name);
        const linkIndex = indexOf(one.name);
        return [
          ...interfaceRequests(one, linkIndex),
          ...(link === undefined ? [] : ipv6Requests(one, link)),
          ...linkLocalRequests(one, linkIndex),
          ...one.neighbours.map((neighbour) => setNeighbour({ ...neighbour, linkIndex })),
        ];
      });
      if (defaultRoute) {
        const { gateway, interface: name } = defaultRoute;
        requests.push(setRoute({ ...VIA_NEIGHBOUR, destination: EVERYWHERE, gateway, linkIndex: indexOf(name) }));
      }
      if (defaultRoute6) {
        const { gateway, interface: name } = defaultRoute6;
        requests.push(setRoute6({ ...VIA_NEIGHBOUR, destination: EVERYWHERE6, gateway, linkIndex: indexOf(name) }));
      }
      await socket.run(requests, [NO_IPV6]);
      if (answers === undefined) return;
      const { address, gateway, interface: name } = answers;
      const { table, priority } = ANSWERS;
      const route = { ...VIA_NEIGHBOUR, destination: EVERYWHERE, gateway, linkIndex: indexOf(name), table };
      await socket.run([setRoute(route), addSourceRule({ priority, source: address, table })], ['EEXIST']);
    });
  }

  links(containerId: string): Promise<Link[]> {
    return this.#withSocket(containerId, async (socket) => (await socket.query(dumpLinks())).map(parseLink));
  }

  /** Of a link that is down. */
  renameLink(containerId: string, from: string, to: string): Promise<void> {
    return this.#withSocket(containerId, async (socket) => {
      const link = (await socket.query(dumpLinks())).map(parseLink).find(({ name }) => name === from);
      if (link !== undefined) await socket.run([renameLink(link.index, to)]);
    });
  }

  /** Those that aren't there are passed over. */
  deleteLinks(containerId: string, names: readonly string[]): Promise<void> {
    return this.#withSocket(containerId, (socket) => socket.run(names.map(deleteLink), ['ENODEV']));
  }

  async #withSocket<T>(containerId: string, use: (socket: NetlinkSocket) => Promise<T>): Promise<T> {
    const socket = await NetlinkSocket.open(this.#native, this.pathOf(containerId), NETLINK_ROUTE);
    try {
      return await use(socket);
    } finally {
      await socket.close();
    }
  }

  /** Routes are what we say, not what a neighbour on the network advertises. */
  async #allowIpv6(containerId: string, link: string): Promise<void> {
    const settings = { disable_ipv6: '0', accept_ra: '0' };
    for (const [key, value] of Object.entries(settings)) {
      await this.#native.writeSysctl(this.pathOf(containerId), `/proc/sys/net/ipv6/conf/${link}/${key}`, value);
    }
  }

  /** Those of IPv4, and those that take both. */
  async tcpSockets(containerId: string): Promise<TcpSocket[]> {
    const socket = await NetlinkSocket.open(this.#native, this.pathOf(containerId), NETLINK_SOCK_DIAG);
    try {
      const messages = [
        ...(await socket.query(dumpTcpSockets(AF_INET))),
        ...(await socket.query(dumpTcpSockets(AF_INET6))),
      ];
      return messages.map(parseTcpSocket);
    } finally {
      await socket.close();
    }
  }

  /** The namespace ends when its last process and socket does. Idempotent. */
  async unpin(containerId: string): Promise<void> {
    const path = this.pathOf(containerId);
    try {
      await this.#native.unmount(path, MNT_DETACH);
    } catch (error) {
      // EINVAL: a plain file, from a crash between making and mounting it.
      if (!isMissing(error) && !hasCode(error, 'EINVAL')) throw error;
    }
    await rm(path, { force: true });
  }
}

function interfaceRequests({ name, address, subnet, router }: InterfaceSpec, linkIndex: number): Request[] {
  const link = { linkIndex, linkName: name, address };
  const up = [disableLinkLocal(name), setLinkUp(name)];
  if (router === undefined) {
    const { prefixLength } = subnet;
    return [...up, addAddress({ ...link, prefixLength, broadcast: formatIpv4(lastAddress(subnet)) })];
  }
  const toRouter = { base: requireIpv4(router), prefixLength: 32 };
  return [
    ...up,
    addAddress({ ...link, prefixLength: 32, broadcast: undefined }),
    setRoute({ ...VIA_NEIGHBOUR, destination: toRouter, gateway: undefined, linkIndex }),
    setRoute({ ...VIA_NEIGHBOUR, destination: subnet, gateway: router, linkIndex }),
  ];
}

/** Without duplicate address detection: addresses are ours to give, and can be used at once. */
function ipv6Requests({ name, ipv6 }: InterfaceSpec, { index, mac }: Link): Request[] {
  if (ipv6 === undefined) return [];
  const link = { linkIndex: index, linkName: name };
  const linkLocal = addAddress6({ ...link, address: linkLocalOf(mac), prefixLength: 64 });
  const { address, subnet, router } = ipv6;
  if (router === undefined) return [linkLocal, addAddress6({ ...link, address, prefixLength: subnet.prefixLength })];
  const toRouter = subnet6Of(requireIpv6(router), 128);
  return [
    linkLocal,
    addAddress6({ ...link, address, prefixLength: 128 }),
    setRoute6({ ...VIA_NEIGHBOUR, destination: toRouter, gateway: undefined, linkIndex: index }),
    setRoute6({ ...VIA_NEIGHBOUR, destination: subnet, gateway: router, linkIndex: index }),
  ];
}

function hasIpv6({ ipv6, linkLocalIps }: InterfaceSpec): boolean {
  return ipv6 !== undefined || linkLocalIps.some((address) => address.includes(':'));
}

function linkLocalRequests({ name, linkLocalIps }: InterfaceSpec, linkIndex: number): Request[] {
  return linkLocalIps.map((address) => {
    const link = { linkIndex, linkName: name, address };
    return address.includes(':')
      ? addAddress6({ ...link, prefixLength: LINK_LOCAL_PREFIX6 })
      : addAddress({ ...link, prefixLength: LINK_LOCAL_PREFIX, broadcast: undefined });
  });
}

function emptyIfMissing(error: unknown): string[] {
  if (isMissing(error)) return [];
  throw error;
}

function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT');
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
