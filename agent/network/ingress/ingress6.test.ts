import { describe, expect, it } from 'vitest';
import { ingressAddress6, routeChanges6 } from './ingress6.ts';
import { towardsOrigin } from './marks.ts';

const everywhere = { destination: { base: 0n, prefixLength: 0 }, linkIndex: 7 };
const back = (address: string, number: number) => ({ ...everywhere, gateway: address, table: towardsOrigin(number) });

describe('the way between nodes for IPv6', () => {
  it('has an address for each node, which follows from the one that others reach it by', () => {
    expect(ingressAddress6('10.99.0.2')).toBe('fd47:616e:7472:7900::a63:2');
  });

  it('leads back to each node by a table of its own, and no further', () => {
    const numbers = new Map([['10.99.0.2', 1]]);
    const known = [back('fe80::42:aff:fe63:2', 1), { ...back('fe80::1', 9), table: 254 }];
    expect(routeChanges6(known, numbers, 7)).toEqual([]);
    expect(routeChanges6([], numbers, 7).map(({ purpose }) => purpose)).toEqual([
      'set route to ::/0 via fe80::42:aff:fe63:2',
    ]);
    const gone = routeChanges6([...known, back('fe80::42:aff:fe63:3', 2)], numbers, 7);
    expect(gone.map(({ purpose }) => purpose)).toEqual(['delete route to ::/0']);
  });
});
