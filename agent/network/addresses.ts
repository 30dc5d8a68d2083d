/** Which addresses of each network are in use. Leases aren't stored: they are what the sandboxes say. */
import { GantryError } from '../../proto/errors.ts';
import { nextAddress } from './address-pool.ts';
import { checkChosen } from './chosen-address.ts';
import { checkChosen6 } from './ipv6/chosen-address6.ts';
import { matchingAddress } from './ipv6/ipv6-record.ts';
import { addressPool, type NetworkRecord } from './network-record.ts';
import type { Attachment, SandboxRecord } from './sandbox-record.ts';
import type { Cursors } from './store.ts';
import { formatIpv4, parseIpv4, requireIpv4 } from './subnet.ts';

export class Addresses {
  readonly #taken = new Map<string, Set<number>>();
  /** "NETWORK ADDRESS", of IPv6. */
  readonly #taken6 = new Set<string>();
  readonly #last = new Map<string, number>();

  /** Begins with what the sandboxes have, and where giving stopped. */
  restore(sandboxes: Iterable<SandboxRecord>, cursors: Cursors): void {
    this.#taken.clear();
    this.#taken6.clear();
    for (const { attachments } of sandboxes) {
      for (const { networkId, address, ipv6 } of attachments) {
        this.#takenOf(networkId).add(requireIpv4(address));
        if (ipv6 !== undefined) this.#taken6.add(key6(networkId, ipv6));
      }
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

  /** The IPv6 address that goes with the one of IPv4. Throws EXHAUSTED. */
  take6(network: NetworkRecord, address: string): string | undefined {
    const { id, name, subnet, ipv6 } = network;
    if (ipv6 === undefined) return undefined;
    const taken = matchingAddress(ipv6, { subnet, address }, (one) => this.#taken6.has(key6(id, one)));
    if (taken === undefined) {
      throw new GantryError('EXHAUSTED', `network ${name} has no free IPv6 address`, {
        hint: 'remove containers or give the network a larger IPv6 subnet',
      });
    }
    this.#taken6.add(key6(id, taken));
    return taken;
  }

  /** As takeChosen. */
  takeChosen6(network: NetworkRecord, address: string): string {
    const written = this.checkChosen6(network, address);
    this.#taken6.add(key6(network.id, written));
    return written;
  }

  checkChosen6(network: NetworkRecord, address: string): string {
    const written = checkChosen6(network, address);
    if (!this.#taken6.has(key6(network.id, written))) return written;
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

  free({ networkId, address, ipv6 }: Pick<Attachment, 'networkId' | 'address' | 'ipv6'>): void {
    if (ipv6 !== undefined) this.#taken6.delete(key6(networkId, ipv6));
    const taken = this.#taken.get(networkId);
    taken?.delete(requireIpv4(address));
    if (taken?.size === 0) this.#taken.delete(networkId);
  }

  isUsed(networkId: string): boolean {
    return this.#taken.has(networkId);
  }

  /** Whether somebody has the address, of IPv4 or IPv6, or is about to. */
  isTaken(networkId: string, address: string): boolean {
    if (this.#taken6.has(key6(networkId, address))) return true;
    const ipv4 = parseIpv4(address);
    return ipv4 !== undefined && this.#taken.get(networkId)?.has(ipv4) === true;
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

function key6(networkId: string, address: string): string {
  return `${networkId} ${address}`;
}
