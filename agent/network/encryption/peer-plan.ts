/** The other nodes of a host's encrypted networks as its WireGuard has to know them. Pure. */
import type { NetworkPeer } from '../../../proto/generated/gantry/v1/dispatcher.ts';
import type { HeldPeer, PeerChange, WireguardPeer } from '../netlink/wireguard.ts';
import { parseIpv4 } from '../subnet.ts';

/** Beside VXLAN's: IANA has given it to another form of that. */
export const WIREGUARD_PORT = 4790;
const KEY_BYTES = 32;

/**
 * One for each node, however many networks it shares with this one. A node without a key is left out: nothing can be sent
 * to it, rather than in clear. Of two that claim one address the last counts, as with the kernel.
 */
export function wireguardPeers(peers: readonly NetworkPeer[]): WireguardPeer[] {
  const byAddress = new Map<string, WireguardPeer>();
  for (const { nodeAddress, wireguardKey } of peers) {
    const isKey = Buffer.from(wireguardKey, 'base64').length === KEY_BYTES;
    if (!isKey || parseIpv4(nodeAddress) === undefined) continue;
    const endpoint = { address: nodeAddress, port: WIREGUARD_PORT };
    byAddress.set(nodeAddress, { publicKey: wireguardKey, address: nodeAddress, endpoint });
  }
  return [...byAddress.values()];
}

/**
 * What leads from the peers that the kernel has to those that are wanted; those that are right keep their sessions. Where
 * a peer is isn't compared: the kernel follows it when it answers from elsewhere.
 */
export function peerChanges(held: readonly HeldPeer[], wanted: readonly WireguardPeer[]): PeerChange[] {
  const byKey = new Map(held.map((peer) => [peer.publicKey, peer]));
  const keys = new Set(wanted.map(({ publicKey }) => publicKey));
  const stale = held.filter(({ publicKey }) => !keys.has(publicKey));
  return [
    ...stale.map(({ publicKey }) => ({ kind: 'remove', publicKey }) as const),
    ...wanted
      .filter((peer) => !isHeld(peer, byKey.get(peer.publicKey)))
      .map((peer) => ({ kind: 'set', peer }) as const),
  ];
}

export function describePeerChange(change: PeerChange): string {
  return change.kind === 'set'
    ? `peer ${change.peer.address} of WireGuard`
    : `without peer ${change.publicKey} that somebody gave WireGuard`;
}

function isHeld({ address }: WireguardPeer, held: HeldPeer | undefined): boolean {
  return held?.hasEndpoint === true && held.allowed.join() === `${address}/32`;
}
