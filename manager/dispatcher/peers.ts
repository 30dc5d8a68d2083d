/** Where the nodes of each network are, for all sessions at once. */
import { isEncrypted } from '../../proto/encrypted-option.ts';
import { type AssignmentChange, NetworkPeer } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { INGRESS_NETWORK } from '../../proto/ingress-network.ts';
import { isMacvlan } from '../../proto/macvlan-options.ts';
import type { NetworkObject } from '../store/network.ts';
import { type NodeObject, wireguardKey } from '../store/node.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { StoreEvent } from '../store/watch.ts';
import { type Reader, SharedList } from './shared-list.ts';

export class PeerTable {
  /** Of the networks that somebody is told of. */
  readonly #lists = new Map<string, SharedList<NetworkPeer>>();

  /** What the reader hasn't been told yet of the others on the network. From here on it counts as told. */
  take(networkId: string, reader: Reader, read: ReadTransaction): AssignmentChange[] {
    const list = this.#lists.get(networkId) ?? listOf(networkId, peersOn(networkId, read));
    this.#lists.set(networkId, list);
    return list.take(reader);
  }

  /** The reader isn't on the network any more: all that it was told of the others goes. */
  leave(networkId: string, reader: Reader): AssignmentChange[] {
    const list = this.#lists.get(networkId);
    const changes = list?.leave(reader) ?? [];
    if (list?.isUnread) this.#lists.delete(networkId);
    return changes;
  }

  /** The reader's session has ended. */
  forget(reader: Reader): void {
    for (const networkId of [...this.#lists.keys()]) this.leave(networkId, reader);
  }

  follow({ kind, object }: StoreEvent, read: ReadTransaction): void {
    if (kind === 'network') this.#lists.get(object.id)?.become(peersOn(object.id, read));
    if (kind !== 'node') return;
    const node = read.get('node', object.id);
    for (const [networkId, list] of this.#lists) list.set(object.id, node && peerOn(networkId, node, read));
  }

  /** After events that were missed. */
  refresh(read: ReadTransaction): void {
    for (const [networkId, list] of this.#lists) list.become(peersOn(networkId, read));
  }
}

function listOf(networkId: string, peers: ReadonlyMap<string, NetworkPeer>): SharedList<NetworkPeer> {
  return new SharedList(peers, {
    isSame: isSamePeer,
    ownerOf: (nodeId) => nodeId,
    change: (nodeId, peer) => {
      const value = peer ?? NetworkPeer.create({ networkId, nodeId });
      return { removed: peer === undefined, item: { $case: 'peer', value } };
    },
  });
}

/** All nodes are on the ingress network; on another those that have addresses of it, and that are reached by way of their hosts. */
function peersOn(networkId: string, read: ReadTransaction): Map<string, NetworkPeer> {
  if (networkId === INGRESS_NETWORK) {
    return new Map(read.find('node', { by: 'all' }).map((node) => [node.id, ingressPeer(node)]));
  }
  const network = routedNetwork(networkId, read);
  const blocks = Map.groupBy(network?.blocks ?? [], ({ nodeId }) => nodeId);
  const peers = new Map<string, NetworkPeer>();
  for (const [nodeId, own] of blocks) {
    const node = read.get('node', nodeId);
    if (network !== undefined && node !== undefined) peers.set(nodeId, peer(network, node, own));
  }
  return peers;
}

/** Undefined for a node that has no addresses there. */
function peerOn(networkId: string, node: NodeObject, read: ReadTransaction): NetworkPeer | undefined {
  if (networkId === INGRESS_NETWORK) return ingressPeer(node);
  const network = routedNetwork(networkId, read);
  const own = network?.blocks.filter(({ nodeId }) => nodeId === node.id) ?? [];
  return network !== undefined && own.length > 0 ? peer(network, node, own) : undefined;
}

/** Undefined for one on a LAN, where containers find each other themselves. */
function routedNetwork(networkId: string, read: ReadTransaction): NetworkObject | undefined {
  const network = read.get('network', networkId);
  return network === undefined || isMacvlan(network.spec) ? undefined : network;
}

function ingressPeer({ id, status, description: { ipv6Addresses } }: NodeObject): NetworkPeer {
  return NetworkPeer.create({ networkId: INGRESS_NETWORK, nodeId: id, nodeAddress: status.address, ipv6Addresses });
}

function peer(network: NetworkObject, node: NodeObject, blocks: readonly { readonly cidr: string }[]): NetworkPeer {
  return {
    networkId: network.id,
    nodeId: node.id,
    nodeAddress: node.status.address,
    blocks: blocks.map(({ cidr }) => cidr),
    wireguardKey: isEncrypted(network.spec) ? wireguardKey(node) : '',
    ipv6Addresses: [],
  };
}

function isSamePeer(a: NetworkPeer, b: NetworkPeer): boolean {
  const isSameNode = a.nodeAddress === b.nodeAddress && a.ipv6Addresses.join() === b.ipv6Addresses.join();
  return isSameNode && a.wireguardKey === b.wireguardKey && a.blocks.join() === b.blocks.join();
}
