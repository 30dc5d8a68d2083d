/**
 * What each node says of its containers that are of no task: what other nodes call them. It is what nodes observe, told anew
 * in each session, so the leader alone has it, and no log: docs/decisions/0011-names-of-attached-containers.md.
 */
import {
  type AssignmentChange,
  AttachedContainer,
  type NodeAttachments,
} from '../../proto/generated/gantry/v1/dispatcher.ts';
import { NodeState } from '../../proto/generated/gantry/v1/types.ts';
import { contains, parseAddress, parseCidr } from '../allocator/cidr.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { StoreEvent } from '../store/watch.ts';
import { type Reader, SharedList } from './shared-list.ts';

interface OnNetwork {
  readonly containers: SharedList<AttachedContainer>;
  /** They have been told that there are no others. */
  readonly assured: WeakSet<Reader>;
}

export class AttachedTable {
  readonly #networks = new Map<string, OnNetwork>();
  readonly #heard = new Set<string>();
  /** Nodes that may have containers that they haven't told this manager of; undefined before it is known which. */
  #awaited: Set<string> | undefined;

  /** Nodes keep what earlier managers told them until all that may be up have been heard. */
  begin(read: ReadTransaction): void {
    const up = read.find('node', { by: 'all' }).filter(({ status }) => status.state !== NodeState.DOWN);
    this.#awaited = new Set(up.map(({ id }) => id)).difference(this.#heard);
    this.#heard.clear();
  }

  /** A node may speak only of itself, and for its own addresses. Returns the networks of which there is something to tell. */
  report(nodeId: string, { complete, put, removed }: NodeAttachments, read: ReadTransaction): string[] {
    const now = new Set(put.map(({ networkId, containerId }) => `${networkId} ${keyOf(nodeId, containerId)}`));
    const changed = new Set(complete ? this.#remove((id, key) => isOf(nodeId, key) && !now.has(`${id} ${key}`)) : []);
    for (const { networkId, containerId } of removed)
      this.#set(networkId, keyOf(nodeId, containerId), undefined, changed);
    for (const told of put) {
      const container = { ...told, nodeId, addresses: ownAddresses(told, nodeId, read) };
      const isReal = container.addresses.length > 0;
      this.#set(told.networkId, keyOf(nodeId, told.containerId), isReal ? container : undefined, changed);
    }
    return complete && this.#heardOf(nodeId) ? [...this.#networks.keys()] : [...changed];
  }

  /** As `report`. Names go with the network, and with a node that is down, as its tasks do. */
  follow({ kind, object: { id } }: StoreEvent, read: ReadTransaction): string[] {
    if (kind === 'network' && read.get('network', id) === undefined)
      return this.#remove((networkId) => networkId === id);
    return kind === 'node' && !isUp(id, read) ? this.#gone(id) : [];
  }

  /** After events that were missed. As `report`. */
  refresh(read: ReadTransaction): string[] {
    const changed = this.#remove((id) => read.get('network', id) === undefined);
    const owners = [...this.#networks.values()].flatMap(({ containers }) => containers.keys().map(ownerOf));
    const down = [...new Set([...owners, ...(this.#awaited ?? [])])].filter((nodeId) => !isUp(nodeId, read));
    return [...new Set([...changed, ...down.flatMap((nodeId) => this.#gone(nodeId))])];
  }

  /** What the reader hasn't been told yet of others on the network. From here on it counts as told. */
  take(networkId: string, reader: Reader): AssignmentChange[] {
    const { containers, assured } = this.#on(networkId);
    const changes = containers.take(reader);
    if (!this.#isComplete || assured.has(reader)) return changes;
    assured.add(reader);
    return [...changes, { removed: false, item: { $case: 'attachedKnown', value: { networkId } } }];
  }

  /** The reader isn't on the network any more: all that it was told goes. */
  leave(networkId: string, reader: Reader): AssignmentChange[] {
    const on = this.#networks.get(networkId);
    const changes = on?.containers.leave(reader) ?? [];
    on?.assured.delete(reader);
    this.#dropIfUnused(networkId);
    return changes;
  }

  /** The reader's session has ended. */
  forget(reader: Reader): void {
    for (const networkId of [...this.#networks.keys()]) this.leave(networkId, reader);
  }

  get #isComplete(): boolean {
    return this.#awaited?.size === 0;
  }

  #gone(nodeId: string): string[] {
    const changed = this.#remove((_, key) => isOf(nodeId, key));
    return this.#heardOf(nodeId) ? [...this.#networks.keys()] : changed;
  }

  /** Nothing more is to come of the node. Returns whether that makes all complete. */
  #heardOf(nodeId: string): boolean {
    if (this.#awaited === undefined) this.#heard.add(nodeId);
    return this.#awaited?.delete(nodeId) === true && this.#isComplete;
  }

  #on(networkId: string): OnNetwork {
    const known = this.#networks.get(networkId) ?? { containers: containersOn(networkId), assured: new WeakSet() };
    this.#networks.set(networkId, known);
    return known;
  }

  #set(networkId: string, key: string, container: AttachedContainer | undefined, changed: Set<string>): void {
    if (container === undefined && !this.#networks.has(networkId)) return;
    if (this.#on(networkId).containers.set(key, container)) changed.add(networkId);
  }

  #dropIfUnused(networkId: string): void {
    const containers = this.#networks.get(networkId)?.containers;
    if (containers?.isUnread && containers.isEmpty) this.#networks.delete(networkId);
  }

  /** Returns the networks where there were any. */
  #remove(isMeant: (networkId: string, key: string) => boolean): string[] {
    return [...this.#networks].flatMap(([networkId, { containers }]) => {
      const keys = containers.keys().filter((key) => isMeant(networkId, key));
      for (const key of keys) containers.set(key, undefined);
      this.#dropIfUnused(networkId);
      return keys.length > 0 ? [networkId] : [];
    });
  }
}

function containersOn(networkId: string): SharedList<AttachedContainer> {
  return new SharedList(new Map<string, AttachedContainer>(), {
    isSame: (a, b) => encoded(a).equals(encoded(b)),
    ownerOf,
    change: (key, container) => {
      const nodeId = ownerOf(key);
      const containerId = key.slice(nodeId.length + 1);
      const value = container ?? AttachedContainer.fromPartial({ networkId, nodeId, containerId });
      return { removed: container === undefined, item: { $case: 'attached', value } };
    },
  });
}

/** By node, too: what one says can't take the place of what another says. */
function keyOf(nodeId: string, containerId: string): string {
  return `${nodeId} ${containerId}`;
}

function ownerOf(key: string): string {
  return key.slice(0, key.indexOf(' '));
}

function isOf(nodeId: string, key: string): boolean {
  return ownerOf(key) === nodeId;
}

function isUp(nodeId: string, read: ReadTransaction): boolean {
  const node = read.get('node', nodeId);
  return node !== undefined && node.status.state !== NodeState.DOWN;
}

/** Those that the node has been given for containers. */
function ownAddresses({ networkId, addresses }: AttachedContainer, nodeId: string, read: ReadTransaction): string[] {
  const network = read.get('network', networkId);
  if (network?.spec.attachable !== true) return [];
  const blocks = network.blocks.flatMap((block) => (block.nodeId === nodeId ? (parseCidr(block.cidr) ?? []) : []));
  return addresses.filter((text) => {
    const address = parseAddress(text);
    return address !== undefined && blocks.some((block) => contains(block, address));
  });
}

function encoded(container: AttachedContainer): Buffer {
  return Buffer.from(AttachedContainer.encode(container).finish());
}
