/** Networks whose containers are on a link of their host, beside it: their driver's options. Pure. */
import { GantryError } from './errors.ts';
import type { NetworkSpec } from './generated/gantry/v1/types.ts';

const MODES = ['bridge', 'private', 'vepa', 'passthru'] as const;
const OPTIONS: readonly string[] = ['parent', 'macvlan_mode'];

export type MacvlanMode = (typeof MODES)[number];

export interface MacvlanOptions {
  /** Name of the host's link; undefined: one that leads nowhere. */
  readonly parent?: string;
  readonly mode: MacvlanMode;
}

export interface VlanName {
  readonly link: string;
  /** 0 to 65535: not checked. */
  readonly id: number;
}

export function isMacvlan({ driver }: Pick<NetworkSpec, 'driver'>): boolean {
  return driver === 'macvlan';
}

/** Throws UNSUPPORTED for another option, INVALID_ARGUMENT for a mode that is none. */
export function readMacvlanOptions(network: string, options: NetworkSpec['driverOpts']): MacvlanOptions {
  const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key));
  if (unknown !== undefined) {
    throw new GantryError(
      'UNSUPPORTED',
      `network ${network}: driver option "${unknown}" is not supported for macvlan`,
      { hint: `remove it; those that are: ${OPTIONS.join(', ')}` },
    );
  }
  const { parent, macvlan_mode: text = 'bridge' }: { parent?: string; macvlan_mode?: string } = options;
  const mode = MODES.find((one) => one === text);
  if (mode === undefined) {
    throw new GantryError('INVALID_ARGUMENT', `network ${network}: "${text}" is no macvlan_mode`, {
      hint: `write ${MODES.slice(0, -1).join(', ')} or ${MODES.at(-1)}`,
    });
  }
  return parent === undefined ? { mode } : { parent, mode };
}

/** "eth0.10" as users name VLAN 10 on eth0; undefined for another name. */
export function vlanOf(name: string): VlanName | undefined {
  const [, link, id] = /^(.+)\.(\d{1,5})$/.exec(name) ?? [];
  return link === undefined || id === undefined ? undefined : { link, id: Number(id) };
}

/** Whether a host with these links has the parent, or can make it: a VLAN on one of them. */
export function hasParent(links: readonly string[], parent: string): boolean {
  return links.includes(parent) || links.includes(vlanOf(parent)?.link ?? '');
}
