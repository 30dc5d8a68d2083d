import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NetworkPeer } from '../../../proto/generated/gantry/v1/dispatcher.ts';
import type { HeldPeer, PeerChange } from '../netlink/wireguard.ts';
import { describePeerChange, peerChanges, wireguardPeers } from './peer-plan.ts';

const keyOf = (number: number) => Buffer.alloc(32, number).toString('base64');
const told = (networkId: string, node: number, key = keyOf(node)) =>
  NetworkPeer.create({ networkId, nodeId: `n${node}`, nodeAddress: `198.51.100.${node}`, wireguardKey: key });
const held = (key: string, ...allowed: readonly string[]): HeldPeer => {
  return { publicKey: key, allowed, hasEndpoint: true, sentBytes: 0n, receivedBytes: 0n };
};
const words = (changes: readonly PeerChange[]) => changes.map(describePeerChange);

describe('the peers of encrypted networks', () => {
  it('are one for each node, at its address, which is also the only one it has inside', () => {
    expect(wireguardPeers([told('a', 1), told('b', 1), told('b', 2)])).toEqual([
      { publicKey: keyOf(1), address: '198.51.100.1', endpoint: { address: '198.51.100.1', port: 4790 } },
      { publicKey: keyOf(2), address: '198.51.100.2', endpoint: { address: '198.51.100.2', port: 4790 } },
    ]);
  });

  it('are none without a key, or without an address that it goes over', () => {
    const v6 = NetworkPeer.create({ nodeAddress: 'fd00::1', wireguardKey: keyOf(3) });
    expect(wireguardPeers([told('a', 1, ''), told('a', 2, 'c2hvcnQ='), v6])).toEqual([]);
  });
});

describe('changes', () => {
  const wanted = wireguardPeers([told('a', 1), told('a', 2)]);

  it('leave alone what is right, wherever it answers from by now', () => {
    expect(peerChanges([held(keyOf(2), '198.51.100.2/32'), held(keyOf(1), '198.51.100.1/32')], wanted)).toEqual([]);
  });

  it('take away a peer that is gone before another gets its address', () => {
    const now = [held(keyOf(9), '198.51.100.1/32'), held(keyOf(2), '198.51.100.2/32')];
    expect(words(peerChanges(now, wanted))).toEqual([
      `without peer ${keyOf(9)} that somebody gave WireGuard`,
      'peer 198.51.100.1 of WireGuard',
    ]);
  });

  it.each([
    ['another address', held(keyOf(1), '198.51.100.7/32')],
    ['more than its address', held(keyOf(1), '198.51.100.1/32', '0.0.0.0/0')],
    ['no endpoint', { ...held(keyOf(1), '198.51.100.1/32'), hasEndpoint: false }],
  ])('set a peer anew that has %s', (_what, peer) => {
    const now = [peer, held(keyOf(2), '198.51.100.2/32')];
    expect(words(peerChanges(now, wanted))).toEqual(['peer 198.51.100.1 of WireGuard']);
  });

  it('lead from any peers to any others, with no address at two of them', () => {
    const nodes = fc.uniqueArray(
      fc.record({ node: fc.integer({ min: 1, max: 5 }), key: fc.integer({ min: 1, max: 7 }) }),
      { selector: ({ node }) => node },
    );
    const unique = fc
      .array(nodes, { minLength: 2, maxLength: 2 })
      .filter((sets) => sets.every((set) => new Set(set.map(({ key }) => key)).size === set.length));
    fc.assert(
      fc.property(unique, ([from = [], to = []]) => {
        const peersOf = (set: typeof from) => wireguardPeers(set.map(({ node, key }) => told('a', node, keyOf(key))));
        const now = peersOf(from).map(({ publicKey, address }) => held(publicKey, `${address}/32`));
        const after = applied(now, peerChanges(now, peersOf(to)));
        expect(after).toEqual(new Map(peersOf(to).map(({ publicKey, address }) => [publicKey, `${address}/32`])));
      }),
    );
  });
});

/** As the kernel does: who gets an address takes it from who had it. */
function applied(now: readonly HeldPeer[], changes: readonly PeerChange[]): Map<string, string> {
  const peers = new Map(now.map(({ publicKey, allowed }) => [publicKey, allowed.join()]));
  for (const change of changes) {
    if (change.kind === 'remove') peers.delete(change.publicKey);
    else {
      const { publicKey, address } = change.peer;
      for (const [key, allowed] of peers) if (allowed === `${address}/32`) peers.set(key, '');
      peers.set(publicKey, `${address}/32`);
    }
  }
  return peers;
}
