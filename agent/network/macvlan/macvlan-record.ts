/** A network whose containers are on a link of the host itself, beside the host: as kept on disk. Pure. */
import type { MacvlanMode } from '../../../proto/macvlan-options.ts';
import { linkPrefix, privateParentNames } from '../link-names.ts';

export interface MacvlanRecord {
  /** The host's link that its containers are on; undefined: one of the network's own, that leads nowhere. */
  readonly parent?: string;
  readonly mode: MacvlanMode;
}

/** What tells a VLAN that a gantryd has made from one of its host's owner; it outlives both of them. */
export function vlanAlias(instance: string): string {
  return `gantry VLAN of macvlan networks ${linkPrefix(instance)}`;
}

/** The name of its parent in the host's namespace. */
export function parentName(instance: string, networkId: string, { parent }: MacvlanRecord): string {
  return parent ?? privateParentNames(instance, networkId)[0];
}
