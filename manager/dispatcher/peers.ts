/**
 * Where the nodes of each network are, for all sessions at once. On a network of a thousand nodes each is told of all others:
 * to remember that by pair of nodes would take a million items, so a session remembers no more than how far it was told.
 */
import { isEncrypted } from '../../proto/encrypted-option.ts';
import { type AssignmentChange, NetworkPeer } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { INGRESS_NETWORK } from '../../proto/ingress-network.ts';
import type { NetworkObject } from '../store/network.ts';
import { type NodeObject, wireguardKey } from '../store/node.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { StoreEvent } from '../store/watch.ts';

/** A session's side: it is known by identity, so that of a node that comes anew the old one is another. */
export interface PeerReader {
  readonly nodeId: string;
}

export class PeerTable {
  /** Of the networks that somebody is told of. */
  readonly #lists = new Map<string, PeerList>();

  /** What the reader hasn't been told yet of the others on the network. From here on it counts as told. */
  take(networkId: string, reader: PeerReader, read: ReadTransaction): AssignmentChange[] {
    const list = this.#lists.get(networkId) ?? new PeerList(networkId, peersOn(networkId, read));
    this.#lists.set(networkId, list);
    return list.take(reader);
  }

  /** The reader isn't on the network any more: all that it was told of the others goes. */
  leave(networkId: string, reader: PeerReader): AssignmentChange[] {
    const list = this.#lists.get(networkId);
    const changes = list?.leave(reader) ?? [];
    if (list?.isUnread) this.#lists.delete(networkId);
    return changes;
  }

  /** The reader's session has ended. */
  forget(reader: PeerReader): void {
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

const COMPACT_AT_LEAST = 64;

/** Of one network. */
class PeerList {
  readonly #networkId: string;
  /** By node. */
  readonly #peers: Map<string, NetworkPeer>;
  /** Nodes that came, went or moved, the latest last. */
  #changed: string[] = [];
  /** How many changes came before the first of `#changed`. */
  #forgotten = 0;
  #compactAt = COMPACT_AT_LEAST;
  /** Of how many changes each has been told. */
  readonly #readers = new Map<PeerReader, number>();

  constructor(networkId: string, peers: Map<string, NetworkPeer>) {
    this.#networkId = networkId;
    this.#peers = peers;
  }

  get isUnread(): boolean {
    return this.#readers.size === 0;
  }

  become(peers: ReadonlyMap<string, NetworkPeer>): void {
    for (const nodeId of [...this.#peers.keys()]) if (!peers.has(nodeId)) this.set(nodeId, undefined);
    for (const [nodeId, peer] of peers) this.set(nodeId, peer);
  }

  set(nodeId: string, peer: NetworkPeer | undefined): void {
    const before = this.#peers.get(nodeId);
    if (peer === undefined ? before === undefined : before !== undefined && isSamePeer(before, peer)) return;
    if (peer === undefined) this.#peers.delete(nodeId);
    else this.#peers.set(nodeId, peer);
    this.#changed.push(nodeId);
    if (this.#changed.length >= this.#compactAt) this.#compact();
  }

  take(reader: PeerReader): AssignmentChange[] {
    const told = this.#readers.get(reader);
    this.#readers.set(reader, this.#forgotten + this.#changed.length);
    const news = told === undefined ? this.#peers.keys() : this.#changedSince(told);
    return this.#others(news, reader).map((nodeId) => this.#change(nodeId, this.#peers.get(nodeId)));
  }

  leave(reader: PeerReader): AssignmentChange[] {
    const told = this.#readers.get(reader);
    if (!this.#readers.delete(reader) || told === undefined) return [];
    const known = new Set([...this.#peers.keys(), ...this.#changedSince(told)]);
    return this.#others(known, reader).map((nodeId) => this.#change(nodeId, undefined));
  }

  #others(nodeIds: Iterable<string>, reader: PeerReader): string[] {
    return [...nodeIds].filter((nodeId) => nodeId !== reader.nodeId);
  }

  #changedSince(told: number): Set<string> {
    return new Set(this.#changed.slice(told - this.#forgotten));
  }

  #change(nodeId: string, peer: NetworkPeer | undefined): AssignmentChange {
    const value = peer ?? NetworkPeer.create({ networkId: this.#networkId, nodeId });
    return { removed: peer === undefined, item: { $case: 'peer', value } };
  }

  /** Forgets what all have been told. What one that is slow keeps is looked at again only when there is twice as much. */
  #compact(): void {
    const told = Math.min(this.#forgotten + this.#changed.length, ...this.#readers.values());
    this.#changed = this.#changed.slice(told - this.#forgotten);
    this.#forgotten = told;
    this.#compactAt = Math.max(COMPACT_AT_LEAST, 2 * this.#changed.length);
  }
}

/** All nodes are on the ingress network; on another those that have addresses of it. */
function peersOn(networkId: string, read: ReadTransaction): Map<string, NetworkPeer> {
  if (networkId === INGRESS_NETWORK) {
    return new Map(read.find('node', { by: 'all' }).map((node) => [node.id, ingressPeer(node)]));
  }
  const network = read.get('network', networkId);
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
  const network = read.get('network', networkId);
  const own = network?.blocks.filter(({ nodeId }) => nodeId === node.id) ?? [];
  return network !== undefined && own.length > 0 ? peer(network, node, own) : undefined;
}

function ingressPeer({ id, status }: NodeObject): NetworkPeer {
  return NetworkPeer.create({ networkId: INGRESS_NETWORK, nodeId: id, nodeAddress: status.address });
}

function peer(network: NetworkObject, node: NodeObject, blocks: readonly { readonly cidr: string }[]): NetworkPeer {
  return {
    networkId: network.id,
    nodeId: node.id,
    nodeAddress: node.status.address,
    blocks: blocks.map(({ cidr }) => cidr),
    wireguardKey: isEncrypted(network.spec) ? wireguardKey(node) : '',
  };
}

function isSamePeer(a: NetworkPeer, b: NetworkPeer): boolean {
  return a.nodeAddress === b.nodeAddress && a.wireguardKey === b.wireguardKey && a.blocks.join() === b.blocks.join();
}
