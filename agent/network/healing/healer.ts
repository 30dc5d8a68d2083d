/**
 * Keeps the host's kernel as the networks need it, also when somebody else changes it: `nft flush ruleset`, a deleted link,
 * address, route or rule. On news of a change all of it is read and compared with what is wanted, and only what differs is
 * applied: what is right goes on undisturbed, and so do connections under way.
 *
 * What a container does in its own namespace is its own affair; links, addresses, rules and tables of others aren't touched.
 */
import type { Logger } from 'pino';
import type { Native } from '../../../native/addon/native.ts';
import { type GantryError, toGantryError } from '../../../proto/errors.ts';
import { parseSubnet6 } from '../../../proto/ipv6/subnet6.ts';
import type { Encryption } from '../encryption/encryption.ts';
import type { HostFirewall } from '../firewall/host-firewall.ts';
import type { HostLinks } from '../host-links.ts';
import type { Ingress } from '../ingress/ingress.ts';
import { type KernelState, readKernelState } from '../kernel-state.ts';
import { describeBridge, isPlugged, type Plug, plugsOf } from '../link-faults.ts';
import type { Parents } from '../macvlan/parents.ts';
import type { NetworkModel } from '../model.ts';
import { setHairpin, setLinkMaster, setLinkUp } from '../netlink/link.ts';
import type { Request } from '../netlink/message.ts';
import { deleteNeighbour, setNeighbour } from '../netlink/neighbour.ts';
import { connectedRoute } from '../netlink/route.ts';
import { setRoute6 } from '../netlink/route6.ts';
import { NETLINK_ROUTE, NetlinkSocket } from '../netlink/socket.ts';
import type { NetworkRecord } from '../network-record.ts';
import type { Overlays } from '../overlay/overlays.ts';
import type { Publishing } from '../publishing.ts';
import type { SandboxBuilder } from '../sandbox-builder.ts';
import type { SandboxRecord } from '../sandbox-record.ts';
import { parseSubnet } from '../subnet.ts';
import type { VirtualIps } from '../vip/virtual-ips.ts';
import { HealLoop } from './heal-loop.ts';
import { KernelWatch } from './kernel-watch.ts';
import { healMacvlans } from './macvlan-healing.ts';
import { describeNeighbours, neighbourFaults } from './neighbour-healing.ts';

type Locked = <T>(action: () => Promise<T>) => Promise<T>;

export interface HealerParts {
  readonly instance: string;
  readonly native: Native;
  readonly logger: Logger;
  readonly model: NetworkModel;
  readonly links: HostLinks;
  readonly builder: SandboxBuilder;
  readonly parents: Parents;
  readonly overlays: Overlays;
  readonly ingress: Ingress;
  readonly encryption: Encryption;
  readonly publishing: Publishing;
  readonly virtualIps: readonly VirtualIps[];
  readonly firewall: HostFirewall;
  /** Switches on the host's forwarding. Returns the settings that were off. */
  readonly enableForwarding: () => Promise<readonly string[]>;
  /** Runs while no network is made or removed. */
  readonly lockNetworks: Locked;
  /** Runs while nothing is done to the container. */
  readonly lockContainer: <T>(containerId: string, action: () => Promise<T>) => Promise<T>;
  /** Whether the network's bridge has to be there. */
  readonly needsBridge: (network: NetworkRecord) => boolean;
}

export class Healer {
  readonly #parts: HealerParts;
  readonly #loop = new HealLoop(() => this.#heal());
  #socket: NetlinkSocket | undefined;
  #watch: KernelWatch | undefined;
  /** Why the last look failed, so that it is said once. */
  #failure = '';

  constructor(parts: HealerParts) {
    this.#parts = parts;
  }

  /** Once everything is as it should be. */
  async start(): Promise<void> {
    const { instance, native, logger, model } = this.#parts;
    this.#socket = await NetlinkSocket.open(native, null, NETLINK_ROUTE);
    this.#watch = await KernelWatch.open(
      {
        instance,
        native,
        logger,
        isParent: (name) => [...model.networks.values()].some(({ macvlan }) => macvlan?.parent === name),
        changed: () => this.#loop.request(),
      },
      this.#socket,
    );
    // What others have changed while no agent was there, such as a firewall that has come or gone.
    await this.#heal();
    this.#loop.start();
  }

  async close(): Promise<void> {
    await this.#loop.close();
    this.#watch?.close();
    await this.#socket?.close();
    this.#watch = undefined;
    this.#socket = undefined;
  }

  /** Never throws: says what it has put back, or why it couldn't. */
  async #heal(): Promise<boolean> {
    const { logger, publishing, virtualIps, firewall } = this.#parts;
    const parts = [
      () => this.#healLinks(),
      () => this.#healMacvlans(),
      () => publishing.restoreRules(),
      ...virtualIps.map((one) => () => one.restore()),
      () => firewall.pass(),
    ];
    const putBack: string[] = [];
    const failures: GantryError[] = [];
    // Where one can't be helped, the others can.
    for (const heal of parts) {
      try {
        putBack.push(...((await heal()) ?? []));
      } catch (thrown) {
        failures.push(toGantryError(thrown));
      }
    }
    if (putBack.length > 0) logger.warn({ putBack }, 'somebody else has changed networks of this host; put back');
    this.#report(failures);
    return failures.length === 0;
  }

  #report(failures: readonly GantryError[]): void {
    const messages = failures.map(({ message }) => message).join('\n');
    if (messages !== this.#failure) {
      for (const err of failures) {
        this.#parts.logger.error({ err }, 'cannot put back what somebody else has changed of networks; will try again');
      }
    }
    this.#failure = messages;
  }

  async #healLinks(): Promise<string[]> {
    const { model, overlays, ingress, encryption, enableForwarding } = this.#parts;
    const settings = await enableForwarding();
    // Before the kernel is read: a container that gets its links meanwhile lacks none.
    const sandboxes = [...model.sandboxes.values()].filter(({ ready }) => ready);
    const found = await this.#parts.lockNetworks(async () => {
      // Before the kernel is read: with what encrypted networks go through, their VXLANs are gone.
      const tunnel = await encryption.repair();
      const state = await this.#read();
      const bridges = await this.#healBridges(state);
      return [...tunnel, ...bridges, ...(await overlays.repair(state)), ...(await ingress.repair(state))];
    });
    const state = await this.#read();
    const plugs = await this.#healPlugs(sandboxes, state);
    return [...settings, ...found, ...plugs, ...(await this.#healNeighbours(sandboxes, state))];
  }

  #healMacvlans(): Promise<string[]> {
    const { builder } = this.#parts;
    const replaceLinks = (containerId: string) => this.#replaceLinks(containerId);
    return healMacvlans({ ...this.#parts, macvlanLinks: builder.macvlanLinks, replaceLinks });
  }

  async #healBridges(state: KernelState): Promise<string[]> {
    const { instance, model, links, builder, needsBridge } = this.#parts;
    const missing: string[] = [];
    for (const network of model.networks.values()) {
      if (!needsBridge(network) && !builder.hasBridge(network.id)) continue;
      const faults = describeBridge(instance, network, state);
      if (faults.length === 0) continue;
      missing.push(...faults);
      await builder.remakeBridge(network.id);
      const linkIndex = await builder.bridge(network.id);
      // The kernel makes it along with the address, and not again.
      const route = connectedRoute({ destination: parseSubnet(network.subnet), source: network.gateway, linkIndex });
      await links.run([route, ...routes6(network, linkIndex)], ['EEXIST']);
    }
    return missing;
  }

  /** Near ends of containers' links that are gone, down, or in no bridge. */
  async #healPlugs(sandboxes: readonly SandboxRecord[], state: KernelState): Promise<string[]> {
    const { instance, links } = this.#parts;
    const broken = sandboxes.flatMap((record) =>
      plugsOf(instance, record)
        .filter((plug) => !isPlugged(plug, state))
        .map((plug) => ({ plug, record })),
    );
    if (broken.length === 0) return [];
    const present = broken.map(({ plug }) => plug).filter(({ veth }) => state.links.has(veth));
    // One that has just been taken down has none.
    await links.run(
      present.flatMap((plug) => plugIn(plug, state)),
      ['ENODEV'],
    );
    const gone = new Set(broken.filter(({ plug }) => !state.links.has(plug.veth)).map(({ record }) => idOf(record)));
    const replaced: string[] = [];
    for (const containerId of gone) {
      if (await this.#replaceLinks(containerId)) replaced.push(containerId);
    }
    return broken
      .filter(({ plug, record }) => state.links.has(plug.veth) || replaced.includes(idOf(record)))
      .map(({ plug }) => `link ${plug.veth} of container ${plug.container}`);
  }

  /** Containers on their bridges. What a container knows of its gateway is its own affair. */
  async #healNeighbours(sandboxes: readonly SandboxRecord[], state: KernelState): Promise<string[]> {
    const { instance, links, model } = this.#parts;
    const isTaken = (networkId: string, address: string) => model.addresses.isTaken(networkId, address);
    const known = { before: sandboxes, now: model.sandboxes.values(), networkIds: model.networks.keys(), isTaken };
    const { missing, stale } = neighbourFaults(instance, known, state);
    // A bridge may be deleted at any time: it is made anew at the next look, and they with it.
    await links.run([...stale.map(deleteNeighbour), ...missing.map(setNeighbour)], ['ENODEV', 'ENOENT']);
    return describeNeighbours(missing, state);
  }

  /** False: it has been taken down meanwhile, or is about to be. */
  #replaceLinks(containerId: string): Promise<boolean> {
    const { model, builder, lockContainer } = this.#parts;
    return lockContainer(containerId, async () => {
      const record = model.sandboxes.get(containerId);
      if (record?.ready !== true || !(await builder.namespaces.isPinned(containerId))) return false;
      await builder.repairLinks(record);
      return true;
    });
  }

  #read(): Promise<KernelState> {
    if (this.#socket === undefined) throw new Error('the healer has not been started');
    return readKernelState(this.#socket, this.#parts.instance);
  }
}

function plugIn({ veth, bridge }: Plug, { links }: KernelState) {
  const master = links.get(bridge)?.index;
  return master === undefined ? [] : [setLinkMaster(veth, master), setHairpin(veth), setLinkUp(veth)];
}

function idOf({ request }: SandboxRecord): string {
  return request.containerId;
}

/** To a network's IPv6 subnet. */
function routes6({ ipv6 }: NetworkRecord, linkIndex: number): Request[] {
  return ipv6 === undefined
    ? []
    : [setRoute6({ destination: parseSubnet6(ipv6.subnet), gateway: undefined, isGatewayOnLink: false, linkIndex })];
}
