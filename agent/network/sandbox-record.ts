/** A container's sandbox as kept on disk: what was asked for, and what it was given. */
import type { PortConfig } from '../../proto/generated/gantry/v1/types.ts';
import { macOf } from './link-names.ts';
import type { MacvlanRecord } from './macvlan/macvlan-record.ts';
import type { SandboxRequest } from './networks.ts';
import { requireIpv4 } from './subnet.ts';

export interface Attachment {
  readonly networkId: string;
  readonly networkName: string;
  readonly address: string;
  /** Its IPv6 address, on a network that has them. */
  readonly ipv6?: string;
  readonly aliases: readonly string[];
  /** N of ethN. Undefined in records from before a container could leave a network: its place in the list. */
  readonly interface?: number;
  /** Chosen by its user; undefined: it follows from the address. */
  readonly mac?: string;
  /** Chosen by its user; undefined: ethN. */
  readonly interfaceName?: string;
  /** Addresses that lead nowhere but to its neighbours on the link; undefined: none. */
  readonly linkLocalIps?: readonly string[];
  /** Undefined on a network that has a bridge. */
  readonly macvlan?: MacvlanRecord;
}

export interface SandboxRecord {
  readonly request: SandboxRequest;
  /** In the order that was asked for: the first one on a network that isn't internal leads outside. */
  readonly attachments: readonly Attachment[];
  /** With publishedPort always set. */
  readonly ports: readonly PortConfig[];
  /** Whether the kernel has been given all of it. False after a crash on the way: the next setup builds it again. */
  readonly ready: boolean;
}

/** Attachments and the number of each one's interface. */
export function interfacesOf({ attachments }: Pick<SandboxRecord, 'attachments'>): [number, Attachment][] {
  return attachments.map((attachment, position) => [attachment.interface ?? position, attachment]);
}

/** What the interface with this number is called in the container. */
export function interfaceName(number: number, { interfaceName: chosen }: Pick<Attachment, 'interfaceName'>): string {
  return chosen ?? `eth${number}`;
}

/** Those that are plugged into a bridge of the host. */
export function vethsOf(record: Pick<SandboxRecord, 'attachments'>): [number, Attachment][] {
  return interfacesOf(record).filter(([, { macvlan }]) => macvlan === undefined);
}

/** Those that are on a link of the host. */
export function macvlansOf(record: Pick<SandboxRecord, 'attachments'>): [number, Attachment][] {
  return interfacesOf(record).filter(([, { macvlan }]) => macvlan !== undefined);
}

/** Of its interface; empty in mode passthru, where it is that of the host's link. */
export function macAddressOf({ address, mac, macvlan }: Attachment): string {
  return macvlan?.mode === 'passthru' ? '' : (mac ?? macOf(requireIpv4(address)));
}

/** Of IPv4, and of IPv6 where it has one. */
export function addressesOf({ address, ipv6 }: Pick<Attachment, 'address' | 'ipv6'>): string[] {
  return ipv6 === undefined ? [address] : [address, ipv6];
}

/** What users call the container: its name, or else the start of its id. */
export function displayName(record: SandboxRecord): string {
  return record.request.names[0] ?? record.request.containerId.slice(0, 12);
}
