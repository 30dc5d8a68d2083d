/** Links on top of a link of the host: macvlan and VLAN (linux/if_link.h, linux/if_vlan.h). */
import type { MacvlanMode } from '../../../proto/macvlan-options.ts';
import { attribute, nested, stringAttribute, u32Attribute } from './attributes.ts';
import { createLink, header, macBytes } from './link.ts';
import type { Request } from './message.ts';

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_MACVLAN_MODE = 1;
const IFLA_VLAN_ID = 1;

/** enum macvlan_mode */
const MODES: Readonly<Record<MacvlanMode, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8 };

export interface MacvlanSpec {
  /** Of the interface in the container. */
  readonly name: string;
  /** Undefined: its parent's, as is the only way in mode passthru. */
  readonly mac: string | undefined;
  readonly mode: MacvlanMode;
  /** Index of its parent, in the host's namespace. */
  readonly parent: number;
  /** An open file of the network namespace that it is made in. */
  readonly netnsFd: number;
}

/** Its MTU is its parent's. */
export function createMacvlan({ name, mac, mode, parent, netnsFd }: MacvlanSpec): Request {
  return createLink(name, [
    header(0, 0, 0),
    stringAttribute(IFLA_IFNAME, name),
    u32Attribute(IFLA_LINK, parent),
    u32Attribute(IFLA_NET_NS_FD, netnsFd),
    ...(mac === undefined ? [] : [attribute(IFLA_ADDRESS, macBytes(mac))]),
    nested(
      IFLA_LINKINFO,
      stringAttribute(IFLA_INFO_KIND, 'macvlan'),
      nested(IFLA_INFO_DATA, u32Attribute(IFLA_MACVLAN_MODE, MODES[mode])),
    ),
  ]);
}

export interface VlanSpec {
  readonly name: string;
  /** Index of the link whose tagged frames it has. */
  readonly link: number;
  /** 1 to 4094 (IEEE 802.1Q). */
  readonly id: number;
}

export function createVlan({ name, link, id }: VlanSpec): Request {
  const tag = Buffer.alloc(2);
  tag.writeUInt16LE(id);
  return createLink(name, [
    header(0, 0, 0),
    stringAttribute(IFLA_IFNAME, name),
    u32Attribute(IFLA_LINK, link),
    nested(
      IFLA_LINKINFO,
      stringAttribute(IFLA_INFO_KIND, 'vlan'),
      nested(IFLA_INFO_DATA, attribute(IFLA_VLAN_ID, tag)),
    ),
  ]);
}
