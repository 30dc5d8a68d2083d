/** rtnetlink links: bridges, veth pairs, VXLANs and WireGuard's (rtnetlink(7), linux/if_link.h). */
import { ipv4Bytes } from '../subnet.ts';
import {
  attribute,
  nested,
  parseAttributes,
  readNested,
  readString,
  readU32,
  stringAttribute,
  u8Attribute,
  u32Attribute,
} from './attributes.ts';
import { type Message, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, type Request } from './message.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_AF_SPEC = 26;
const IFLA_NET_NS_FD = 28;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_MODE = 4;
const VETH_INFO_PEER = 1;
const IFLA_VXLAN_ID = 1;
const IFLA_VXLAN_LOCAL = 4;
const IFLA_VXLAN_LEARNING = 7;
const IFLA_VXLAN_PORT = 15;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;

const AF_UNSPEC = 0;
const AF_INET6 = 10;
const IFF_UP = 0x1;
const HEADER_BYTES = 16;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly alias: string;
  /** "bridge", "veth", ...; empty for a device that isn't virtual. */
  readonly kind: string;
  readonly up: boolean;
  readonly mtu: number;
  /** "02:42:0a:00:00:02"; empty for a device without one. */
  readonly mac: string;
  /** Index of the bridge that it is a port of. */
  readonly master: number | undefined;
  /** Only of a VXLAN. */
  readonly vni: number | undefined;
  /** What it sends leaves from another network namespace than it is in: that of the socket that made it. */
  readonly isRootedElsewhere: boolean;
}

export interface BridgeSpec {
  readonly name: string;
  readonly alias: string;
  readonly mac: string;
  readonly mtu: number;
}

export interface VxlanSpec {
  readonly name: string;
  readonly alias: string;
  readonly mac: string;
  readonly mtu: number;
  readonly vni: number;
  /** Where packets come from and are taken: an address of the host; undefined: any that leads to the other end. */
  readonly local: string | undefined;
  readonly port: number;
}

export interface WireguardSpec {
  readonly name: string;
  readonly mtu: number;
}

export interface VethSpec {
  readonly name: string;
  readonly alias: string;
  readonly mtu: number;
  /** Index of the bridge that the near end becomes a port of. */
  readonly master: number;
  readonly peer: {
    readonly name: string;
    readonly mac: string;
    /** An open file of the network namespace that the far end is made in. */
    readonly netnsFd: number;
  };
}

export function createBridge(spec: BridgeSpec): Request {
  return createLink(spec.name, [
    header(0, 0, 0),
    stringAttribute(IFLA_IFNAME, spec.name),
    stringAttribute(IFLA_IFALIAS, spec.alias),
    attribute(IFLA_ADDRESS, macBytes(spec.mac)),
    u32Attribute(IFLA_MTU, spec.mtu),
    nested(IFLA_LINKINFO, stringAttribute(IFLA_INFO_KIND, 'bridge')),
  ]);
}

/**
 * It learns nothing, and floods nothing: where each address is has to be said (RFC 7348). `netnsFd`: an open file of the
 * network namespace that it is put into; what it sends and takes stays in that of the socket.
 */
export function createVxlan(spec: VxlanSpec, netnsFd?: number): Request {
  const port = Buffer.alloc(2);
  port.writeUInt16BE(spec.port);
  return createLink(spec.name, [
    header(0, 0, 0),
    stringAttribute(IFLA_IFNAME, spec.name),
    stringAttribute(IFLA_IFALIAS, spec.alias),
    attribute(IFLA_ADDRESS, macBytes(spec.mac)),
    u32Attribute(IFLA_MTU, spec.mtu),
    ...(netnsFd === undefined ? [] : [u32Attribute(IFLA_NET_NS_FD, netnsFd)]),
    nested(
      IFLA_LINKINFO,
      stringAttribute(IFLA_INFO_KIND, 'vxlan'),
      nested(
        IFLA_INFO_DATA,
        u32Attribute(IFLA_VXLAN_ID, spec.vni),
        ...(spec.local === undefined ? [] : [attribute(IFLA_VXLAN_LOCAL, ipv4Bytes(spec.local))]),
        u8Attribute(IFLA_VXLAN_LEARNING, 0),
        attribute(IFLA_VXLAN_PORT, port),
      ),
    ),
  ]);
}

/** Put into the namespace of the file, while its UDP socket stays in that of the netlink socket. ENOTSUP: no WireGuard. */
export function createWireguard(spec: WireguardSpec, netnsFd: number): Request {
  return createLink(spec.name, [
    header(0, 0, 0),
    stringAttribute(IFLA_IFNAME, spec.name),
    u32Attribute(IFLA_MTU, spec.mtu),
    u32Attribute(IFLA_NET_NS_FD, netnsFd),
    nested(IFLA_LINKINFO, stringAttribute(IFLA_INFO_KIND, 'wireguard')),
  ]);
}

/** Both ends in one request: the near one as a port of its bridge, the far one in its namespace; both down. */
export function createVeth(spec: VethSpec): Request {
  const peer = Buffer.concat([
    header(0, 0, 0),
    stringAttribute(IFLA_IFNAME, spec.peer.name),
    attribute(IFLA_ADDRESS, macBytes(spec.peer.mac)),
    u32Attribute(IFLA_MTU, spec.mtu),
    u32Attribute(IFLA_NET_NS_FD, spec.peer.netnsFd),
  ]);
  return createLink(spec.name, [
    header(0, 0, 0),
    stringAttribute(IFLA_IFNAME, spec.name),
    stringAttribute(IFLA_IFALIAS, spec.alias),
    u32Attribute(IFLA_MTU, spec.mtu),
    u32Attribute(IFLA_MASTER, spec.master),
    nested(
      IFLA_LINKINFO,
      stringAttribute(IFLA_INFO_KIND, 'veth'),
      nested(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer)),
    ),
  ]);
}

/** Two links in this namespace that are each other's far end. */
export function createPair(name: string, peer: string, alias: string): Request {
  const far = Buffer.concat([header(0, 0, 0), stringAttribute(IFLA_IFNAME, peer)]);
  return createLink(name, [
    header(0, 0, 0),
    stringAttribute(IFLA_IFNAME, name),
    stringAttribute(IFLA_IFALIAS, alias),
    nested(
      IFLA_LINKINFO,
      stringAttribute(IFLA_INFO_KIND, 'veth'),
      nested(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, far)),
    ),
  ]);
}

/** `payload`: its header and attributes. */
export function createLink(name: string, payload: readonly Buffer[]): Request {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat(payload),
    purpose: `create link ${name}`,
  };
}

/**
 * No link-local address on the device when it comes up. Without it each link would do IPv6 duplicate address
 * detection and multicast on networks that carry only IPv4. Effective only while the link is down.
 */
export function disableLinkLocal(name: string): Request {
  const mode = nested(AF_INET6, u8Attribute(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE));
  return setLink(name, 0, nested(IFLA_AF_SPEC, mode), 'disable IPv6 link-local addresses of');
}

export function setLinkUp(name: string): Request {
  return setLink(name, IFF_UP, Buffer.alloc(0), 'bring up');
}

/** Older kernels (6.1) don't take it from the request that creates a link. */
export function setLinkAlias(name: string, alias: string): Request {
  return setLink(name, 0, stringAttribute(IFLA_IFALIAS, alias), 'set alias of');
}

/** Of a link that is down. */
export function renameLink(index: number, name: string): Request {
  return {
    type: RTM_SETLINK,
    flags: NLM_F_ACK,
    payload: Buffer.concat([header(index, 0, 0), stringAttribute(IFLA_IFNAME, name)]),
    purpose: `rename link to ${name}`,
  };
}

export function setLinkMtu(name: string, mtu: number): Request {
  return setLink(name, 0, u32Attribute(IFLA_MTU, mtu), 'set MTU of');
}

/** Takes along what was known of neighbours on the link. */
export function setLinkMac(name: string, mac: string): Request {
  return setLink(name, 0, attribute(IFLA_ADDRESS, macBytes(mac)), 'set MAC address of');
}

export function setLinkMaster(name: string, master: number): Request {
  return setLink(name, 0, u32Attribute(IFLA_MASTER, master), 'set bridge of');
}

/**
 * A port of a bridge may send a frame back where it came from. A container that calls its own published port needs
 * it where the kernel runs bridged packets through IP hooks (br_netfilter): those are rewritten without being routed.
 */
export function setHairpin(name: string): Request {
  const mode = nested(IFLA_INFO_SLAVE_DATA, u8Attribute(IFLA_BRPORT_MODE, 1));
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_ACK,
    payload: Buffer.concat([
      header(0, 0, 0),
      stringAttribute(IFLA_IFNAME, name),
      nested(IFLA_LINKINFO, stringAttribute(IFLA_INFO_SLAVE_KIND, 'bridge'), mode),
    ]),
    purpose: `set hairpin mode of link ${name}`,
  };
}

/** By name, so that it can stand in one batch with what creates the link. */
function setLink(name: string, flags: number, change: Buffer, what: string): Request {
  return {
    type: RTM_SETLINK,
    flags: NLM_F_ACK,
    payload: Buffer.concat([header(0, flags, flags), stringAttribute(IFLA_IFNAME, name), change]),
    purpose: `${what} link ${name}`,
  };
}

export function deleteLink(name: string): Request {
  return {
    type: RTM_DELLINK,
    flags: NLM_F_ACK,
    payload: Buffer.concat([header(0, 0, 0), stringAttribute(IFLA_IFNAME, name)]),
    purpose: `delete link ${name}`,
  };
}

export function getLink(name: string): Request {
  return {
    type: RTM_GETLINK,
    flags: NLM_F_ACK,
    payload: Buffer.concat([header(0, 0, 0), stringAttribute(IFLA_IFNAME, name)]),
    purpose: `find link ${name}`,
  };
}

export function dumpLinks(): Request {
  return { type: RTM_GETLINK, flags: NLM_F_DUMP, payload: header(0, 0, 0), purpose: 'list links' };
}

export function parseLink(message: Message): Link {
  const { payload } = message;
  const attributes = parseAttributes(payload.subarray(HEADER_BYTES));
  const info = readNested(attributes, IFLA_LINKINFO);
  const kind = readString(info.get(IFLA_INFO_KIND) ?? Buffer.alloc(0));
  return {
    index: payload.readInt32LE(4),
    name: readString(attributes.get(IFLA_IFNAME) ?? Buffer.alloc(0)),
    alias: readString(attributes.get(IFLA_IFALIAS) ?? Buffer.alloc(0)),
    kind,
    up: (payload.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: readU32(attributes, IFLA_MTU) ?? 0,
    mac: formatMac(attributes.get(IFLA_ADDRESS) ?? Buffer.alloc(0)),
    master: readU32(attributes, IFLA_MASTER),
    vni: kind === 'vxlan' ? readU32(readNested(info, IFLA_INFO_DATA), IFLA_VXLAN_ID) : undefined,
    isRootedElsewhere: attributes.has(IFLA_LINK_NETNSID),
  };
}

/** struct ifinfomsg */
export function header(index: number, flags: number, change: number): Buffer {
  const buffer = Buffer.alloc(HEADER_BYTES);
  buffer.writeUInt8(AF_UNSPEC, 0);
  buffer.writeInt32LE(index, 4);
  buffer.writeUInt32LE(flags, 8);
  buffer.writeUInt32LE(change, 12);
  return buffer;
}

export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

export function formatMac(bytes: Buffer): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
