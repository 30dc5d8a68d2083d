/** WireGuard's links: keys, port and peers, over generic netlink (linux/wireguard.h, WG_GENL). */
import { formatIpv4, ipv4Bytes } from '../subnet.ts';
import {
  type Attributes,
  attribute,
  nested,
  parseAttributes,
  parseList,
  stringAttribute,
  u8Attribute,
  u16Attribute,
  u32Attribute,
} from './attributes.ts';
import { genericPayload, genericRequest } from './generic.ts';
import { type Message, NLM_F_ACK, NLM_F_DUMP, type Request } from './message.ts';

export const WIREGUARD_FAMILY = 'wireguard';
const WG_CMD_GET_DEVICE = 0;
const WG_CMD_SET_DEVICE = 1;
const WGDEVICE_A_IFNAME = 2;
const WGDEVICE_A_PRIVATE_KEY = 3;
const WGDEVICE_A_PUBLIC_KEY = 4;
const WGDEVICE_A_LISTEN_PORT = 6;
const WGDEVICE_A_PEERS = 8;
const WGPEER_A_PUBLIC_KEY = 1;
const WGPEER_A_FLAGS = 3;
const WGPEER_A_ENDPOINT = 4;
const WGPEER_A_RX_BYTES = 7;
const WGPEER_A_TX_BYTES = 8;
const WGPEER_A_ALLOWEDIPS = 9;
const WGPEER_F_REMOVE_ME = 1;
const WGPEER_F_REPLACE_ALLOWEDIPS = 2;
const WGALLOWEDIP_A_FAMILY = 1;
const WGALLOWEDIP_A_IPADDR = 2;
const WGALLOWEDIP_A_CIDR_MASK = 3;
const AF_INET = 2;
const SOCKADDR_IN_BYTES = 16;
const ADDRESS_BITS = 32;
/** An attribute holds 64 KiB, and a peer takes some hundred bytes. */
const PEERS_AT_ONCE = 256;

/** Another host, and the only address that it may have and is reached by inside the tunnel. */
export interface WireguardPeer {
  /** Base64, as `wg` shows it */
  readonly publicKey: string;
  readonly address: string;
  /** Where its WireGuard is; from there the kernel follows it when it moves. */
  readonly endpoint: { readonly address: string; readonly port: number };
}

export interface HeldPeer {
  readonly publicKey: string;
  /** CIDRs */
  readonly allowed: readonly string[];
  readonly hasEndpoint: boolean;
  /** Of all that was sent there and has come from there, keys' negotiation included. */
  readonly sentBytes: bigint;
  readonly receivedBytes: bigint;
}

export interface HeldLink {
  readonly publicKey: string;
  readonly port: number;
  readonly peers: readonly HeldPeer[];
}

export type PeerChange =
  | { readonly kind: 'remove'; readonly publicKey: string }
  /** New, or in place of what it was. */
  | { readonly kind: 'set'; readonly peer: WireguardPeer };

/** `privateKey`: 32 bytes. */
export function setKeyAndPort(family: number, link: string, privateKey: Uint8Array, port: number): Request {
  const attributes = [attribute(WGDEVICE_A_PRIVATE_KEY, privateKey), u16Attribute(WGDEVICE_A_LISTEN_PORT, port)];
  return setDevice(family, link, attributes, `set key and port of link ${link}`);
}

/** In order: an address belongs to one peer, so that who gives it up comes before who gets it. */
export function changePeers(family: number, link: string, changes: readonly PeerChange[]): Request[] {
  const requests: Request[] = [];
  for (let from = 0; from < changes.length; from += PEERS_AT_ONCE) {
    const some = changes.slice(from, from + PEERS_AT_ONCE);
    const peers = nested(WGDEVICE_A_PEERS, ...some.map(peerAttribute));
    requests.push(setDevice(family, link, [peers], `set ${some.length} peers of link ${link}`));
  }
  return requests;
}

function setDevice(family: number, link: string, attributes: readonly Buffer[], purpose: string): Request {
  return genericRequest({
    family,
    command: WG_CMD_SET_DEVICE,
    flags: NLM_F_ACK,
    attributes: [stringAttribute(WGDEVICE_A_IFNAME, link), ...attributes],
    purpose,
  });
}

function peerAttribute(change: PeerChange, position: number): Buffer {
  const key = (text: string) => attribute(WGPEER_A_PUBLIC_KEY, Buffer.from(text, 'base64'));
  if (change.kind === 'remove') {
    return nested(position, key(change.publicKey), u32Attribute(WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME));
  }
  const { publicKey, address, endpoint } = change.peer;
  return nested(
    position,
    key(publicKey),
    u32Attribute(WGPEER_A_FLAGS, WGPEER_F_REPLACE_ALLOWEDIPS),
    attribute(WGPEER_A_ENDPOINT, socketAddress(endpoint)),
    nested(
      WGPEER_A_ALLOWEDIPS,
      nested(
        0,
        u16Attribute(WGALLOWEDIP_A_FAMILY, AF_INET),
        attribute(WGALLOWEDIP_A_IPADDR, ipv4Bytes(address)),
        u8Attribute(WGALLOWEDIP_A_CIDR_MASK, ADDRESS_BITS),
      ),
    ),
  );
}

/** struct sockaddr_in */
function socketAddress({ address, port }: WireguardPeer['endpoint']): Buffer {
  const buffer = Buffer.alloc(SOCKADDR_IN_BYTES);
  buffer.writeUInt16LE(AF_INET, 0);
  buffer.writeUInt16BE(port, 2);
  buffer.set(ipv4Bytes(address), 4);
  return buffer;
}

export function dumpWireguard(family: number, link: string): Request {
  return genericRequest({
    family,
    command: WG_CMD_GET_DEVICE,
    flags: NLM_F_DUMP,
    attributes: [stringAttribute(WGDEVICE_A_IFNAME, link)],
    purpose: `read link ${link}`,
  });
}

/** Of all messages of one dump: a peer that doesn't fit into one goes on in the next, under the same key. */
export function parseWireguard(messages: readonly Message[]): HeldLink {
  const parts = messages.map((message) => parseAttributes(genericPayload(message)));
  const peers = new Map<string, HeldPeer>();
  for (const raw of parts.flatMap((part) => parseList(part.get(WGDEVICE_A_PEERS) ?? Buffer.alloc(0)))) {
    const peer = parsePeer(parseAttributes(raw));
    const begun = peers.get(peer.publicKey);
    peers.set(peer.publicKey, begun ? { ...begun, allowed: [...begun.allowed, ...peer.allowed] } : peer);
  }
  const [first] = parts;
  return {
    publicKey: first?.get(WGDEVICE_A_PUBLIC_KEY)?.toString('base64') ?? '',
    port: first?.get(WGDEVICE_A_LISTEN_PORT)?.readUInt16LE() ?? 0,
    peers: [...peers.values()],
  };
}

function parsePeer(attributes: Attributes): HeldPeer {
  const counted = (type: number) => attributes.get(type)?.readBigUInt64LE() ?? 0n;
  return {
    publicKey: attributes.get(WGPEER_A_PUBLIC_KEY)?.toString('base64') ?? '',
    allowed: parseList(attributes.get(WGPEER_A_ALLOWEDIPS) ?? Buffer.alloc(0)).map((raw) =>
      allowedText(parseAttributes(raw)),
    ),
    hasEndpoint: attributes.has(WGPEER_A_ENDPOINT),
    sentBytes: counted(WGPEER_A_TX_BYTES),
    receivedBytes: counted(WGPEER_A_RX_BYTES),
  };
}

/** An address of IPv6, which nobody has put there, in hexadecimal. */
function allowedText(attributes: Attributes): string {
  const address = attributes.get(WGALLOWEDIP_A_IPADDR) ?? Buffer.alloc(0);
  const text = address.length === 4 ? formatIpv4(address.readUInt32BE()) : address.toString('hex');
  return `${text}/${attributes.get(WGALLOWEDIP_A_CIDR_MASK)?.readUInt8() ?? 0}`;
}
