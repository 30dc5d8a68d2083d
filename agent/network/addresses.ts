/** Which addresses of each network are in use. Leases aren't stored: they are what the sandboxes say. */
import { GantryError } from '../../proto/errors.ts';
import { nextAddress } from './address-pool.ts';
import { checkChosen } from './chosen-address.ts';
import { addressPool, type NetworkRecord } from './network-record.ts';
import type { SandboxRecord } from './sandbox-record.ts';
import type { Cursors } from './store.ts';
import { formatIpv4, requireIpv4 } from './subnet.ts';

export class Addresses {
  readonly #taken = new Map<string, Set<number>>();
  readonly #last = new Map<string, number>();

  /** Begins with what the sandboxes have, and where giving stopped. */
  restore(sandboxes: Iterable<SandboxRecord>, cursors: Cursors): void {
    this.#taken.clear();
    for (const { attachments } of sandboxes) {
      for (const { networkId, address } of attachments) this.#takenOf(networkId).add(requireIpv4(address));
    }
    for (const [networkId, last] of Object.entries(cursors)) this.#last.set(networkId, last);
  }

  /** `preferred` if it is free. Throws EXHAUSTED. */
  take(network: NetworkRecord, preferred: string | undefined): string {
    const taken = this.#takenOf(network.id);
    if (preferred !== undefined && this.#takePreferred(network, requireIpv4(preferred))) return preferred;
    const address = nextAddress(addressPool(network), taken, this.#last.get(network.id));
    if (address === undefined) {
      throw new GantryError('EXHAUSTED', `network ${network.name} has no free address on this node`, {
        hint: `${taken.size} of its addresses are in use here; remove containers or give the network a larger subnet`,
      });
    }
    taken.add(address);
    this.#last.set(network.id, address);
    return formatIpv4(address);
  }

  /** The one that a user has chosen. Throws INVALID_ARGUMENT for one that can't be a container's there, IN_USE. */
  takeChosen(network: NetworkRecord, address: string): string {
    this.checkChosen(network, address);
    this.#takenOf(network.id).add(requireIpv4(address));
    return address;
  }

  checkChosen(network: NetworkRecord, address: string): void {
    checkChosen(network, address);
    if (this.#taken.get(network.id)?.has(requireIpv4(address)) !== true) return;
    throw new GantryError('IN_USE', `address ${address} of network ${network.name} is already in use`, {
      hint: `choose another one; 'gantry network inspect ${network.name}' shows who has which`,
    });
  }

  /** False when it is taken, or none of the network's on this node (any more). */
  #takePreferred(network: NetworkRecord, address: number): boolean {
    const taken = this.#takenOf(network.id);
    if (nextAddress(addressPool(network), taken, address - 1) !== address) return false;
    taken.add(address);
    return true;
  }

  free(networkId: string, address: string): void {
    const taken = this.#taken.get(networkId);
    taken?.delete(requireIpv4(address));
    if (taken?.size === 0) this.#taken.delete(networkId);
  }

  isUsed(networkId: string): boolean {
    return this.#taken.has(networkId);
  }

  /** Forgets a network that is no more. */
  forget(networkId: string): void {
    this.#taken.delete(networkId);
    this.#last.delete(networkId);
  }

  cursors(): Cursors {
    return Object.fromEntries(this.#last);
  }

  #takenOf(networkId: string): Set<number> {
    const taken = this.#taken.get(networkId) ?? new Set();
    this.#taken.set(networkId, taken);
    return taken;
  }
}
