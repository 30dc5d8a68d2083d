/** A network whose containers are on a link of the host itself, beside the host: as kept on disk. Pure. */
import { linkPrefix, privateParentNames } from '../link-names.ts';
import type { MacvlanMode } from '../netlink/stacked-link.ts';

export interface MacvlanRecord {
  /** The host's link that its containers are on; undefined: one of the network's own, that leads nowhere. */
  readonly parent?: string;
  readonly mode: MacvlanMode;
}

export interface VlanName {
  readonly link: string;
  /** 0 to 65535: not checked. */
  readonly id: number;
}

/** "eth0.10" as users name VLAN 10 on eth0; undefined for another name. */
export function vlanOf(name: string): VlanName | undefined {
  const [, link, id] = /^(.+)\.(\d{1,5})$/.exec(name) ?? [];
  return link === undefined || id === undefined ? undefined : { link, id: Number(id) };
}

/** What tells a VLAN that a gantryd has made from one of its host's owner; it outlives both of them. */
export function vlanAlias(instance: string): string {
  return `gantry VLAN of macvlan networks ${linkPrefix(instance)}`;
}

/** The name of its parent in the host's namespace. */
export function parentName(instance: string, networkId: string, { parent }: MacvlanRecord): string {
  return parent ?? privateParentNames(instance, networkId)[0];
}
