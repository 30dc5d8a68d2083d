/** The VXLANs of this node, one for each network that spans nodes, kept in line with what the cluster says. */
import type { HostLinks } from '../host-links.ts';
import { vxlanName } from '../link-names.ts';
import { type NetworkRecord, type OverlayRecord, VXLAN_PORT } from '../network-record.ts';
import { linkState, nodeMac, type OverlayPeer, overlayChanges, overlayState } from './overlay-state.ts';

/** A network that spans nodes. */
export interface OverlayNetwork {
  readonly network: NetworkRecord;
  readonly overlay: OverlayRecord;
  readonly peers: readonly OverlayPeer[];
}

export class Overlays {
  readonly #instance: string;
  readonly #links: HostLinks;
  /** What each network's was last brought in line with. */
  readonly #applied = new Map<string, string>();

  constructor(instance: string, links: HostLinks) {
    this.#instance = instance;
    this.#links = links;
  }

  /** Makes the network's VXLAN, or brings it in line; nothing is asked of the kernel when it is so already. */
  async apply({ network, overlay, peers }: OverlayNetwork): Promise<void> {
    const key = JSON.stringify([overlay, network.mtu, peers]);
    if (this.#applied.get(network.id) === key) return;
    this.#applied.delete(network.id);
    const linkIndex = await this.#links.ensureVxlan({
      name: vxlanName(this.#instance, network.id),
      alias: `gantry network ${network.name}`,
      mac: nodeMac(overlay.nodeAddress),
      mtu: network.mtu,
      vni: overlay.vni,
      local: overlay.nodeAddress,
      port: VXLAN_PORT,
    });
    const now = await linkState(this.#links, linkIndex);
    await this.#links.run(overlayChanges(linkIndex, now, overlayState(peers)), ['ENOENT', 'ESRCH']);
    this.#applied.set(network.id, key);
  }

  async remove(networkId: string): Promise<void> {
    this.#applied.delete(networkId);
    await this.#links.deleteLinks([vxlanName(this.#instance, networkId)]);
  }
}
