import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Request } from '../netlink/message.ts';
import { type OverlayState, overlayChanges, overlayState } from './overlay-state.ts';

const node = (number: number, ...blocks: readonly string[]) => ({ nodeAddress: `198.51.100.${number}`, blocks });
const purposes = (requests: readonly Request[]) => requests.map(({ purpose }) => purpose);
const NOTHING = overlayState([]);

describe('what a VXLAN must know', () => {
  it('is a route for each block, and for each node a neighbour that is at the node', () => {
    const { routes, neighbours, forwarding } = overlayState([
      node(1, '10.1.0.0/26', '10.1.1.0/26'),
      node(2, '10.1.0.64/26'),
    ]);
    expect([...routes]).toEqual([
      ['10.1.0.0/26', '198.51.100.1'],
      ['10.1.1.0/26', '198.51.100.1'],
      ['10.1.0.64/26', '198.51.100.2'],
    ]);
    expect([...neighbours]).toEqual([
      ['198.51.100.1', '02:42:c6:33:64:01'],
      ['198.51.100.2', '02:42:c6:33:64:02'],
    ]);
    expect([...forwarding]).toEqual([...neighbours].map(([address, mac]) => [mac, address]));
  });

  it('is said before anything is routed there, and unsaid after', () => {
    const state = overlayState([node(1, '10.1.0.0/26')]);
    expect(purposes(overlayChanges(7, NOTHING, state))).toEqual([
      'set where 02:42:c6:33:64:01 of link 7 is',
      'set neighbour 198.51.100.1 of link 7',
      'set route to 10.1.0.0/26 via 198.51.100.1',
    ]);
    expect(purposes(overlayChanges(7, state, NOTHING))).toEqual([
      'delete route to 10.1.0.0/26',
      'delete neighbour 198.51.100.1 of link 7',
      'delete where 02:42:c6:33:64:01 of link 7 is',
    ]);
  });

  it('replaces the route of a block that another node has now', () => {
    const before = overlayState([node(1, '10.1.0.0/26'), node(2, '10.1.0.64/26')]);
    const after = overlayState([node(2, '10.1.0.64/26', '10.1.0.0/26')]);
    expect(purposes(overlayChanges(7, before, after))).toEqual([
      'set route to 10.1.0.0/26 via 198.51.100.2',
      'delete neighbour 198.51.100.1 of link 7',
      'delete where 02:42:c6:33:64:01 of link 7 is',
    ]);
  });
});

it('comes from any state to any other, and changes nothing that is right', () => {
  const peers = fc.array(fc.record({ number: fc.integer({ min: 1, max: 4 }), block: fc.integer({ min: 0, max: 5 }) }), {
    maxLength: 8,
  });
  const stateOf = (list: readonly { number: number; block: number }[]) =>
    overlayState(list.map(({ number, block }) => node(number, `10.1.${block}.0/26`)));
  fc.assert(
    fc.property(peers, peers, (from, to) => {
      const [now, wanted] = [stateOf(from), stateOf(to)];
      expect(overlayChanges(7, now, now)).toEqual([]);
      expect(overlayChanges(7, wanted, wanted)).toEqual([]);
      expect(applied(now, overlayChanges(7, now, wanted))).toEqual(sizes(wanted));
    }),
  );
});

const sizes = ({ routes, neighbours, forwarding }: OverlayState) =>
  [routes, neighbours, forwarding].map((map) => [...map.keys()].sort());

/** What is there after the requests, by what they say that they do. */
function applied(state: OverlayState, requests: readonly Request[]): string[][] {
  const [routes, neighbours, forwarding] = sizes(state).map((keys) => new Set(keys));
  for (const { purpose } of requests) {
    const [, verb, kind, key = ''] = /^(set|delete) (route to|neighbour|where) (\S+)/.exec(purpose) ?? [];
    const set = { 'route to': routes, neighbour: neighbours, where: forwarding }[kind ?? ''];
    if (verb === 'set') set?.add(key);
    else set?.delete(key);
  }
  return [routes, neighbours, forwarding].map((set) => [...(set ?? [])].sort());
}
