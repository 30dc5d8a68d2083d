/** Networks that the cluster has assigned to this node: their bridges, and the ways to the other nodes. */

import { isEncrypted } from '../../proto/encrypted-option.ts';
import { GantryError } from '../../proto/errors.ts';
import type { AssignedNetwork, NetworkPeer } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { INGRESS_NETWORK } from '../../proto/ingress-network.ts';
import type { ConfigNetworks } from './config-networks.ts';
import type { Encryption } from './encryption/encryption.ts';
import { wireguardPeers } from './encryption/peer-plan.ts';
import type { HostLinks } from './host-links.ts';
import type { Ingress } from './ingress/ingress.ts';
import { findOverlap6 } from './ipv6/network-overlap6.ts';
import { clusterMacvlan, isOnLink } from './macvlan/cluster-macvlan.ts';
import type { Parents } from './macvlan/parents.ts';
import type { NetworkModel } from './model.ts';
import { findOverlap } from './network-overlap.ts';
import { clusterNetwork, DEFAULT_MTU, type NetworkRecord, VXLAN_OVERHEAD } from './network-record.ts';
import type { Overlays } from './overlay/overlays.ts';
import type { SandboxBuilder } from './sandbox-builder.ts';
import type { NetworkStore } from './store.ts';
import { parseIpv4 } from './subnet.ts';

export interface ClusterNetworksParts {
  readonly model: NetworkModel;
  readonly store: NetworkStore;
  readonly links: HostLinks;
  readonly builder: SandboxBuilder;
  readonly parents: Parents;
  readonly configs: Pick<ConfigNetworks, 'all'>;
  readonly overlays: Overlays;
  readonly ingress: Ingress;
  readonly encryption: Encryption;
  /** Switches on what the host needs to forward for its networks. */
  readonly enableForwarding: () => Promise<unknown>;
}

/** Its methods are called one at a time, and not while other networks of the host change. */
export class ClusterNetworks {
  readonly #parts: ClusterNetworksParts;
  /** Networks that the cluster has taken back, but that containers are still on. */
  readonly #retired = new Set<string>();

  constructor(parts: ClusterNetworksParts) {
    this.#parts = parts;
  }

  /** Whether any is waited for to be empty, so that it can be removed. */
  get hasRetired(): boolean {
    return this.#retired.size > 0;
  }

  /** All that there are to be. Returns what went wrong with some of them: the others work. */
  async apply(networks: readonly AssignedNetwork[], peers: readonly NetworkPeer[]): Promise<unknown[]> {
    const errors: unknown[] = [];
    const possible = this.#withoutRefused(networks.filter((one) => !isIngress(one)));
    const wanted = new Set(possible.map(({ network }) => network?.id ?? ''));
    for (const record of this.#parts.model.networks.values()) {
      if (record.cluster && !wanted.has(record.id)) this.#retired.add(record.id);
    }
    await this.removeRetired();
    const byNetwork = Map.groupBy(peers, ({ networkId }) => networkId);
    const keep = (error: unknown) => void errors.push(error);
    const [ingress] = networks.filter(isIngress);
    await this.#applyIngress(ingress, byNetwork.get(INGRESS_NETWORK) ?? []).catch(keep);
    const isTunnelled = await this.#applyEncryption(possible.filter(goesEncrypted), byNetwork).catch(keep);
    for (const assigned of possible.filter((one) => isTunnelled === true || !goesEncrypted(one))) {
      await this.#applyNetwork(assigned, byNetwork.get(assigned.network?.id ?? '') ?? []).catch(keep);
    }
    await this.#endEncryption(ingress === undefined).catch(keep);
    await this.#save();
    return errors;
  }

  /** Once services are others: what the way between nodes must carry for their ports. */
  async carryPorts(): Promise<void> {
    const { model, ingress, enableForwarding } = this.#parts;
    const families = model.ingressFamilies();
    if (families.includes('ip6')) await enableForwarding();
    await ingress.carry(families);
  }

  async removeRetired(): Promise<void> {
    const { model, builder, overlays, parents } = this.#parts;
    for (const networkId of this.#retired) {
      if (model.addresses.isUsed(networkId)) continue;
      const isOnParent = model.networks.get(networkId)?.macvlan !== undefined;
      // First, so that no container is set up on it meanwhile.
      model.removeNetwork(networkId);
      if (isOnParent) await parents.removeUnneeded(model.networks.values());
      else await builder.removeBridge(networkId);
      await overlays.remove(networkId);
      this.#retired.delete(networkId);
      await this.#save();
    }
  }

  /** A network that this host can't encrypt isn't on it: who wants to be on it is told why. */
  #withoutRefused(networks: readonly AssignedNetwork[]): AssignedNetwork[] {
    const { model, encryption } = this.#parts;
    const refused = new Map(
      networks.filter(goesEncrypted).flatMap(({ network }) => {
        const reason = encryption.refusalOf(network?.spec?.annotations?.name ?? '');
        return network === undefined || reason === undefined ? [] : [[network.id, reason] as const];
      }),
    );
    model.setRefused(refused);
    return networks.filter(({ network }) => !refused.has(network?.id ?? ''));
  }

  /** What encrypted networks go through. True: it is there; when it fails, none of them is touched. */
  async #applyEncryption(
    networks: readonly AssignedNetwork[],
    peers: ReadonlyMap<string, readonly NetworkPeer[]>,
  ): Promise<true> {
    const { links, encryption } = this.#parts;
    const [first] = networks;
    if (first === undefined) return true;
    const { nodeAddress } = first;
    const underlayMtu = (await links.mtuOf(nodeAddress)) ?? DEFAULT_MTU;
    const all = networks.flatMap(({ network }) => peers.get(network?.id ?? '') ?? []);
    await encryption.apply({ nodeAddress, underlayMtu, peers: wireguardPeers(all) });
    return true;
  }

  /** Once no network needs it any more. `hasLeft`: this host is in no cluster. */
  async #endEncryption(hasLeft: boolean): Promise<void> {
    const { model, encryption } = this.#parts;
    const isNeeded = [...model.networks.values()].some(({ overlay }) => overlay?.encrypted === true);
    if (!isNeeded) await encryption.remove();
    if (!isNeeded && hasLeft) await encryption.renewKey();
  }

  /** Undefined: this host is in no cluster. */
  async #applyIngress(assigned: AssignedNetwork | undefined, peers: readonly NetworkPeer[]): Promise<void> {
    const { model, links, ingress } = this.#parts;
    const reachable = peers.filter(({ nodeAddress }) => parseIpv4(nodeAddress) !== undefined);
    model.setNodes(reachable);
    if (assigned === undefined || parseIpv4(assigned.nodeAddress) === undefined) return ingress.remove();
    const { nodeAddress } = assigned;
    const underlayMtu = (await links.mtuOf(nodeAddress)) ?? DEFAULT_MTU;
    const others = reachable.map((peer) => peer.nodeAddress);
    return ingress.apply({ nodeAddress, mtu: underlayMtu - VXLAN_OVERHEAD, others, families: model.ingressFamilies() });
  }

  async #applyNetwork(assigned: AssignedNetwork, peers: readonly NetworkPeer[]): Promise<void> {
    if (isOnLink(assigned)) return this.#applyMacvlan(assigned);
    const { model, links, builder, overlays, enableForwarding } = this.#parts;
    const record = clusterNetwork(assigned, (await links.mtuOf(assigned.nodeAddress)) ?? DEFAULT_MTU);
    const before = model.networks.get(record.id);
    if (before === undefined || !hasSameAddresses(before, record)) await this.#checkSubnet(record, before);
    this.#retired.delete(record.id);
    model.putNetwork(record);
    if (record.ipv6 !== undefined) await enableForwarding();
    if (before !== undefined && before.mtu !== record.mtu) await builder.remakeBridge(record.id);
    await builder.bridge(record.id);
    if (record.overlay !== undefined) await overlays.apply({ network: record, overlay: record.overlay, peers });
    else if (before?.overlay !== undefined) await overlays.remove(record.id);
  }

  async #applyMacvlan(assigned: AssignedNetwork): Promise<void> {
    const { model, links, parents, configs } = this.#parts;
    const host = { links: await links.links(), addresses: await links.addresses() };
    const record = clusterMacvlan(assigned, { ...host, configs: configs.all });
    // The host's own LAN is what it is for: only networks can be in its way.
    const overlap = findOverlap(record, [...model.networks.values()].filter(isOther(record)), []);
    if (overlap !== undefined) throw overlap;
    this.#retired.delete(record.id);
    model.putNetwork(record);
    if (record.macvlan !== undefined) await parents.ensure(record, record.macvlan);
  }

  async #checkSubnet(record: NetworkRecord, before: NetworkRecord | undefined): Promise<void> {
    const { model, links, builder } = this.#parts;
    if (before !== undefined) {
      if (model.addresses.isUsed(record.id)) {
        throw new GantryError('IN_USE', `network ${record.name} cannot change its subnet while containers are on it`);
      }
      await builder.removeBridge(record.id);
    }
    const others = [...model.networks.values()].filter(isOther(record));
    const overlap =
      findOverlap(record, others, await links.foreignRoutes()) ??
      (record.ipv6 && findOverlap6(record, others, await links.foreignRoutes6()));
    if (overlap !== undefined) throw overlap;
  }

  #save(): Promise<void> {
    return this.#parts.store.writeNetworks([...this.#parts.model.networks.values()]);
  }
}

function isOther(record: NetworkRecord): (candidate: NetworkRecord) => boolean {
  return ({ id }) => id !== record.id;
}

function hasSameAddresses(a: NetworkRecord, b: NetworkRecord): boolean {
  const isSame4 = a.subnet === b.subnet && a.gateway === b.gateway;
  return isSame4 && a.ipv6?.subnet === b.ipv6?.subnet && a.ipv6?.gateway === b.ipv6?.gateway;
}

function isIngress({ network }: AssignedNetwork): boolean {
  return network?.id === INGRESS_NETWORK;
}

/** Over IPv4 addresses of nodes: others it doesn't reach at all. */
function goesEncrypted({ network, nodeAddress }: AssignedNetwork): boolean {
  return network?.spec !== undefined && isEncrypted(network.spec) && parseIpv4(nodeAddress) !== undefined;
}
