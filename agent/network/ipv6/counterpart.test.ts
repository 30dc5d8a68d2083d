import { describe, expect, it } from 'vitest';
import { blocks6, bothOf, counterpart4, counterpart6 } from './counterpart.ts';

const ipv6 = { subnet: 'fd00:1::/64', gateway: 'fd00:1::1', range: 'fd00:1::/64', hasOwnSubnet: true };
const network = { subnet: '10.1.0.0/20', cluster: true, ipv6 };

describe('addresses of IPv4 and IPv6 on a network of the cluster', () => {
  it('are as far from the beginning of their subnets', () => {
    expect(counterpart6(network, '10.1.0.2')).toBe('fd00:1::2');
    expect(counterpart6(network, '10.1.15.254')).toBe('fd00:1::ffe');
    expect(bothOf(network, '10.1.1.2')).toEqual(['10.1.1.2', 'fd00:1::102']);
    expect(counterpart4(network, 'fd00:1::102')).toBe('10.1.1.2');
  });

  it('have blocks of the same size', () => {
    expect(blocks6(network, ['10.1.0.64/26', '10.1.1.0/24'])).toEqual(['fd00:1::40/122', 'fd00:1::100/120']);
  });

  it('are of IPv4 only where the network has no IPv6, or is of one host', () => {
    expect(bothOf({ ...network, ipv6: undefined }, '10.1.0.2')).toEqual(['10.1.0.2']);
    expect(blocks6({ ...network, cluster: false }, ['10.1.0.64/26'])).toEqual([]);
  });

  it('have no counterpart outside of their subnet', () => {
    expect(counterpart4(network, 'fd00:1::1000')).toBeUndefined();
    expect(counterpart4(network, 'fd00:2::2')).toBeUndefined();
    expect(counterpart4(network, 'nonsense')).toBeUndefined();
  });
});
