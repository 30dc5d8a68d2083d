/**
 * The network namespace that a host's encrypted networks leave from, EXEC_ROOT/network/encryption/wireguard. In it is a
 * WireGuard link, and nothing else that leads anywhere: its UDP socket is the host's, its inside is here. VXLANs of encrypted
 * networks are made here and then put into the host's namespace: what they send can leave through WireGuard alone, and
 * what anybody sends to the host's own UDP ports never reaches them. No rule has to see to either.
 */
import { closeSync, openSync } from 'node:fs';
import type { Native } from '../../../native/addon/native.ts';
import { Namespaces } from '../namespaces.ts';
import { addAddress, dumpAddresses, parseAddress } from '../netlink/address.ts';
import { familyId } from '../netlink/generic.ts';
import {
  createWireguard,
  deleteLink,
  disableLinkLocal,
  dumpLinks,
  type Link,
  parseLink,
  setLinkMtu,
  setLinkUp,
} from '../netlink/link.ts';
import { dumpRoutes, EVERYWHERE, parseRoute, setRoute } from '../netlink/route.ts';
import { NETLINK_GENERIC, NETLINK_ROUTE, NetlinkSocket } from '../netlink/socket.ts';
import {
  changePeers,
  dumpWireguard,
  type HeldLink,
  type PeerChange,
  parseWireguard,
  setKeyAndPort,
  WIREGUARD_FAMILY,
} from '../netlink/wireguard.ts';
import { formatSubnet } from '../subnet.ts';

const ID = 'wireguard';
/** Of a look whether the kernel has it. */
const TRIAL = 'trial';
const LINK = 'wg';
const NO_IPV6 = 'EAFNOSUPPORT';

export interface TunnelEnd {
  /** Of this node: also what it is inside the tunnel. */
  readonly nodeAddress: string;
  readonly mtu: number;
  readonly privateKey: Buffer;
  readonly port: number;
}

/** As the kernel has it. */
export interface HeldEnd extends HeldLink {
  readonly isUp: boolean;
  readonly mtu: number;
  readonly addresses: readonly string[];
  readonly leadsEverywhere: boolean;
}

export class WireguardNamespace {
  readonly #native: Native;
  readonly #namespaces: Namespaces;

  /** `dir`: EXEC_ROOT/network/encryption */
  constructor(native: Native, dir: string) {
    this.#native = native;
    this.#namespaces = new Namespaces(native, dir);
  }

  /** Makes a link, and removes it. Throws a NetlinkError, of code ENOTSUP where the kernel has no WireGuard. */
  async tryLink(): Promise<void> {
    await this.#namespaces.unpin(TRIAL);
    await this.#namespaces.create(TRIAL);
    try {
      await this.#createLink(TRIAL, { mtu: 1280 });
    } finally {
      await this.#namespaces.unpin(TRIAL);
    }
  }

  isThere(): Promise<boolean> {
    return this.#namespaces.isPinned(ID);
  }

  async create(): Promise<void> {
    await this.#namespaces.create(ID);
  }

  /** The VXLANs that were made here go with it. Idempotent. */
  async remove(): Promise<void> {
    if (await this.isThere()) await this.#withRoutes((socket) => socket.run([deleteLink(LINK)], ['ENODEV']));
    await this.#namespaces.unpin(ID);
  }

  /** The link with its key, port, address and route; its peers stay. Idempotent. */
  async bringUp({ nodeAddress, mtu, privateKey, port }: TunnelEnd): Promise<void> {
    await this.#withRoutes(async (socket) => {
      const known = await findLink(socket);
      // Another address than before: what else it has isn't wanted either.
      if (known !== undefined && (await addressesOf(socket, known)).some((one) => one !== nodeAddress)) {
        await socket.run([deleteLink(LINK)]);
      }
      if ((await findLink(socket)) === undefined) await this.#createLink(ID, { mtu });
      await this.#withGeneric((generic, family) => generic.run([setKeyAndPort(family, LINK, privateKey, port)]));
      await socket.run([disableLinkLocal(LINK), setLinkMtu(LINK, mtu), setLinkUp(LINK)], [NO_IPV6]);
      const linkIndex = (await findLink(socket))?.index ?? 0;
      const address = { linkIndex, linkName: LINK, address: nodeAddress, prefixLength: 32, broadcast: undefined };
      const route = { destination: EVERYWHERE, gateway: undefined, isGatewayOnLink: false, linkIndex };
      await socket.run([addAddress(address), setRoute(route)]);
    });
  }

  /** Undefined: there is no link. */
  async held(): Promise<HeldEnd | undefined> {
    if (!(await this.isThere())) return undefined;
    return this.#withRoutes(async (socket) => {
      const link = await findLink(socket);
      if (link === undefined) return undefined;
      const held = await this.#withGeneric(async (generic, family) =>
        parseWireguard(await generic.query(dumpWireguard(family, LINK))),
      );
      const routes = (await socket.query(dumpRoutes())).flatMap((message) => parseRoute(message) ?? []);
      const leadsEverywhere = routes.some(
        ({ destination, linkIndex }) =>
          linkIndex === link.index && formatSubnet(destination) === formatSubnet(EVERYWHERE),
      );
      return { ...held, isUp: link.up, mtu: link.mtu, addresses: await addressesOf(socket, link), leadsEverywhere };
    });
  }

  async changePeers(changes: readonly PeerChange[]): Promise<void> {
    if (changes.length === 0) return;
    await this.#withGeneric((generic, family) => generic.run(changePeers(family, LINK, changes)));
  }

  /** With a netlink socket here, and the host's own namespace as IFLA_NET_NS_FD wants it. */
  async fromInside<T>(use: (socket: NetlinkSocket, hostFd: number) => Promise<T>): Promise<T> {
    const hostFd = openSync('/proc/self/ns/net', 'r');
    try {
      return await this.#withRoutes((socket) => use(socket, hostFd));
    } finally {
      closeSync(hostFd);
    }
  }

  /** By the host's socket: so the UDP socket of the link is the host's. */
  async #createLink(id: string, { mtu }: Pick<TunnelEnd, 'mtu'>): Promise<void> {
    const host = await NetlinkSocket.open(this.#native, null, NETLINK_ROUTE);
    try {
      const create = (fd: number) => host.run([createWireguard({ name: LINK, mtu }, fd)], ['EEXIST']);
      await this.#namespaces.withFile(id, create);
    } finally {
      await host.close();
    }
  }

  async #withRoutes<T>(use: (socket: NetlinkSocket) => Promise<T>): Promise<T> {
    return this.#with(NETLINK_ROUTE, use);
  }

  async #withGeneric<T>(use: (socket: NetlinkSocket, family: number) => Promise<T>): Promise<T> {
    return this.#with(NETLINK_GENERIC, async (socket) => use(socket, await familyId(socket, WIREGUARD_FAMILY)));
  }

  async #with<T>(protocol: number, use: (socket: NetlinkSocket) => Promise<T>): Promise<T> {
    const socket = await NetlinkSocket.open(this.#native, this.#namespaces.pathOf(ID), protocol);
    try {
      return await use(socket);
    } finally {
      await socket.close();
    }
  }
}

async function findLink(socket: NetlinkSocket): Promise<Link | undefined> {
  return (await socket.query(dumpLinks())).map(parseLink).find(({ name }) => name === LINK);
}

async function addressesOf(socket: NetlinkSocket, { index }: Link): Promise<string[]> {
  const all = (await socket.query(dumpAddresses())).flatMap((message) => parseAddress(message) ?? []);
  return all.filter(({ linkIndex }) => linkIndex === index).map(({ address }) => address);
}
