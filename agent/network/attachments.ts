/** What containers are given on their networks: addresses, and interfaces to have them on. */
import { GantryError } from '../../proto/errors.ts';
import type { NetworkAttachmentConfig } from '../../proto/generated/gantry/v1/types.ts';
import { isSameIpv6 } from '../../proto/ipv6/subnet6.ts';
import { checkLinkLocal } from '../../proto/link-local.ts';
import type { Addresses } from './addresses.ts';
import { checkInterfaceNames } from './interface-names.ts';
import { chosenAddresses } from './ipv6/chosen-address6.ts';
import { checkMac, checkPassthru } from './macvlan/chosen-link.ts';
import type { NetworkRecord } from './network-record.ts';
import type { SandboxRequest } from './networks.ts';
import { type Attachment, interfacesOf, type SandboxRecord } from './sandbox-record.ts';

/** What changes of a sandbox that is put on other networks. */
export interface Reassignment {
  readonly next: SandboxRecord;
  readonly joining: readonly Attachment[];
  readonly leaving: readonly Attachment[];
}

export interface AttachmentsParts {
  readonly addresses: Addresses;
  /** By container. */
  readonly sandboxes: ReadonlyMap<string, SandboxRecord>;
  /** Throws NOT_FOUND, AMBIGUOUS. */
  readonly resolveNetwork: (reference: string) => NetworkRecord;
}

/** Of containers that were removed nobody says so here. */
const MAX_LEFT = 1000;

export class Attachments {
  readonly #parts: AttachmentsParts;
  /** What containers had that are down: one that is started again keeps its addresses, which others know. */
  readonly #left = new Map<string, readonly Attachment[]>();

  constructor(parts: AttachmentsParts) {
    this.#parts = parts;
  }

  /** What a container had that is removed. */
  remember({ request, attachments }: SandboxRecord): void {
    this.#left.set(request.containerId, attachments);
    const [oldest] = this.#left.keys();
    if (this.#left.size > MAX_LEFT && oldest !== undefined) this.#left.delete(oldest);
  }

  /**
   * A new sandbox with an address on each network, not yet kept. Throws NOT_FOUND, EXHAUSTED, INVALID_ARGUMENT, and
   * then has taken nothing.
   */
  assign(request: SandboxRequest): SandboxRecord {
    const networks = request.networks.map((wanted) => ({ network: this.#parts.resolveNetwork(wanted.target), wanted }));
    if (new Set(networks.map(({ network }) => network.id)).size < networks.length) {
      throw new GantryError('INVALID_ARGUMENT', 'a container can be on each network only once');
    }
    checkInterfaceNames(request.networks);
    const attachments: Attachment[] = [];
    const last = this.#left.get(request.containerId) ?? [];
    this.#left.delete(request.containerId);
    try {
      for (const { network, wanted } of networks) {
        const before = last.find(({ networkId }) => networkId === network.id);
        attachments.push(this.#attach(network, wanted, attachments.length, before?.address));
      }
    } catch (error) {
      for (const attachment of attachments) this.#parts.addresses.free(attachment);
      throw error;
    }
    return { request, attachments, ports: [], ready: false };
  }

  #attach(
    network: NetworkRecord,
    { aliases, mac, interfaceName, linkLocalIps, ...said }: NetworkAttachmentConfig,
    number: number,
    preferred: string | undefined,
  ): Attachment {
    this.#checkLink(network, mac);
    checkLinkLocal(linkLocalIps?.items ?? []);
    const { ip, ipv6 } = chosenAddresses(network, said);
    const { id: networkId, name: networkName, macvlan } = network;
    const address =
      ip === undefined ? this.#parts.addresses.take(network, preferred) : this.#parts.addresses.takeChosen(network, ip);
    const attachment = {
      ...{ networkId, networkName, address, aliases, interface: number },
      ...(mac === undefined ? {} : { mac: mac.toLowerCase() }),
      ...(interfaceName === undefined ? {} : { interfaceName }),
      ...(linkLocalIps === undefined ? {} : { linkLocalIps: linkLocalIps.items }),
      ...(macvlan === undefined ? {} : { macvlan }),
    };
    try {
      const taken =
        ipv6 === undefined
          ? this.#parts.addresses.take6(network, address)
          : this.#parts.addresses.takeChosen6(network, ipv6);
      return taken === undefined ? attachment : { ...attachment, ipv6: taken };
    } catch (error) {
      this.#parts.addresses.free({ networkId, address });
      throw error;
    }
  }

  /** Whether a container could be given what is asked for. Throws as `assign` does, but for EXHAUSTED. */
  check({ target, mac, linkLocalIps, ...said }: NetworkAttachmentConfig): void {
    checkLinkLocal(linkLocalIps?.items ?? []);
    const network = this.#parts.resolveNetwork(target);
    const { ip, ipv6 } = chosenAddresses(network, said);
    if (ip !== undefined) this.#parts.addresses.checkChosen(network, ip);
    if (ipv6 !== undefined) this.#parts.addresses.checkChosen6(network, ipv6);
    this.#checkLink(network, mac);
  }

  #checkLink(network: NetworkRecord, mac: string | undefined): void {
    const others = [...this.#parts.sandboxes.values()].flatMap(({ attachments }) => {
      return attachments.filter(({ networkId }) => networkId === network.id);
    });
    checkPassthru(network, others);
    if (mac !== undefined) checkMac(network, mac, others);
  }

  /**
   * The sandbox on the networks of `request`, not yet kept: what it has of them it keeps, and it gets an address on each
   * other. Addresses that it leaves aren't free yet. Throws as `assign` does, and then has taken nothing.
   */
  reassign(record: SandboxRecord, request: SandboxRequest): Reassignment {
    const joining: Attachment[] = [];
    const attachments: Attachment[] = [];
    const present = interfacesOf(record).map(([number, attachment]) => ({ ...attachment, interface: number }));
    try {
      for (const wanted of request.networks) {
        const network = this.#parts.resolveNetwork(wanted.target);
        if (attachments.some(({ networkId }) => networkId === network.id)) {
          throw new GantryError('INVALID_ARGUMENT', 'a container can be on each network only once');
        }
        const kept = present.find((one) => one.networkId === network.id && hasAll(one, wanted));
        const number = kept?.interface ?? freeNumber([...present, ...joining]);
        const attachment = kept ?? this.#attach(network, wanted, number, undefined);
        if (kept === undefined) joining.push(attachment);
        attachments.push({ ...attachment, aliases: wanted.aliases });
      }
    } catch (error) {
      for (const attachment of joining) this.#parts.addresses.free(attachment);
      throw error;
    }
    const leaving = present.filter((one) => !attachments.some(({ interface: number }) => number === one.interface));
    return { next: { ...record, request, attachments }, joining, leaving };
  }
}

/** Whatever is wanted of the attachment, it has. */
function hasAll(
  attachment: Attachment,
  { ip, ipv6, mac, interfaceName, linkLocalIps }: NetworkAttachmentConfig,
): boolean {
  const hasIpv6 = ipv6 === undefined || (attachment.ipv6 !== undefined && isSameIpv6(ipv6, attachment.ipv6));
  return (
    hasIpv6 &&
    interfaceName === attachment.interfaceName &&
    (linkLocalIps?.items ?? []).join() === (attachment.linkLocalIps ?? []).join() &&
    (mac === undefined || mac.toLowerCase() === attachment.mac) &&
    (ip ?? attachment.address) === attachment.address
  );
}

/** The lowest N that no interface ethN has, also none that is on its way out. */
function freeNumber(taken: readonly Attachment[]): number {
  const numbers = new Set(taken.map((attachment) => attachment.interface));
  let number = 0;
  while (numbers.has(number)) number += 1;
  return number;
}
