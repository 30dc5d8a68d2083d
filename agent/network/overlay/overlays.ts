/** The VXLANs of this node, one for each network that spans nodes, kept in line with what the cluster says. */

import type { Encryption } from '../encryption/encryption.ts';
import type { HostLinks } from '../host-links.ts';
import { blocks6 } from '../ipv6/counterpart.ts';
import { type KernelState, linkFacts } from '../kernel-state.ts';
import { describeVxlan } from '../link-faults.ts';
import { vxlanName } from '../link-names.ts';
import type { VxlanSpec } from '../netlink/link.ts';
import { type NetworkRecord, type OverlayRecord, VXLAN_PORT } from '../network-record.ts';
import {
  linkState,
  nodeMac,
  type OverlayPeer,
  type OverlayState,
  overlayChanges,
  overlayState,
} from './overlay-state.ts';

/** A network that spans nodes. */
export interface OverlayNetwork {
  readonly network: NetworkRecord;
  readonly overlay: OverlayRecord;
  readonly peers: readonly OverlayPeer[];
}

export class Overlays {
  readonly #instance: string;
  readonly #links: HostLinks;
  readonly #encryption: Pick<Encryption, 'ensureVxlan' | 'generation'>;
  /** What each network's was last brought in line with. */
  readonly #applied = new Map<string, string>();
  readonly #wanted = new Map<string, OverlayNetwork>();

  constructor(instance: string, links: HostLinks, encryption: Pick<Encryption, 'ensureVxlan' | 'generation'>) {
    this.#instance = instance;
    this.#links = links;
    this.#encryption = encryption;
  }

  /**
   * Makes the network's VXLAN, or brings it in line; nothing is asked of the kernel when it is so already. Of an encrypted
   * network, after what it goes through.
   */
  async apply(wanted: OverlayNetwork): Promise<void> {
    const { network, overlay, peers } = wanted;
    const made = overlay.encrypted === true ? this.#encryption.generation : 0;
    const key = JSON.stringify([overlay, network.mtu, network.ipv6, peers, made]);
    if (this.#applied.get(network.id) === key) return;
    this.#applied.delete(network.id);
    this.#wanted.set(network.id, wanted);
    await this.#bringInLine(wanted);
    this.#applied.set(network.id, key);
  }

  /** Puts back what somebody else has taken away. Returns what that was, in words. */
  async repair(state: KernelState): Promise<string[]> {
    const missing: string[] = [];
    for (const wanted of this.#wanted.values()) {
      const faults = await this.#faults(wanted, state);
      if (faults.length > 0) await this.#bringInLine(wanted);
      missing.push(...faults);
    }
    return missing;
  }

  async remove(networkId: string): Promise<void> {
    this.#applied.delete(networkId);
    this.#wanted.delete(networkId);
    await this.#links.deleteLinks([vxlanName(this.#instance, networkId)]);
  }

  async #bringInLine(wanted: OverlayNetwork): Promise<void> {
    const vxlan = this.#vxlan(wanted);
    const linkIndex =
      wanted.overlay.encrypted === true
        ? await this.#encryption.ensureVxlan(vxlan)
        : await this.#links.ensureVxlan(vxlan);
    if (wanted.network.ipv6 !== undefined) await this.#links.allowIpv6(vxlan.name);
    const now = await linkState(this.#links, linkIndex);
    await this.#links.run(overlayChanges(linkIndex, now, wantedState(wanted)), ['ENOENT', 'ESRCH']);
  }

  async #faults(wanted: OverlayNetwork, state: KernelState): Promise<string[]> {
    const vxlan = this.#vxlan(wanted);
    const link = state.links.get(vxlan.name);
    const faults = describeVxlan(vxlan, link);
    if (link === undefined || faults.length > 0) return faults;
    // Somebody has put another in its place: what it carries would leave unencrypted.
    if (link.isRootedElsewhere !== (wanted.overlay.encrypted === true)) return [`what link ${vxlan.name} is`];
    const now = await linkState(linkFacts(state), link.index);
    return overlayChanges(link.index, now, wantedState(wanted)).map(({ purpose }) => purpose);
  }

  #vxlan({ network, overlay }: OverlayNetwork): VxlanSpec {
    return {
      name: vxlanName(this.#instance, network.id),
      alias: `gantry network ${network.name}`,
      mac: nodeMac(overlay.nodeAddress),
      mtu: network.mtu,
      vni: overlay.vni,
      local: overlay.nodeAddress,
      port: VXLAN_PORT,
    };
  }
}

function wantedState({ network, peers }: OverlayNetwork): OverlayState {
  return overlayState(
    peers.map(({ nodeAddress, blocks }) => ({ nodeAddress, blocks: [...blocks, ...blocks6(network, blocks)] })),
  );
}
