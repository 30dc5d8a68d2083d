import { describe, expect, it } from 'vitest';
import { chosenIpv6, matchingAddress } from './ipv6-record.ts';

const network = (range = '') => chosenIpv6('net', { subnet: 'fd00:1::/64', gateway: 'fd00:1::3', range });
const match = (address: string, taken: readonly string[] = [], range = '') =>
  matchingAddress(network(range), { subnet: '172.30.0.0/16', address }, (one) => taken.includes(one));

describe('the IPv6 address that goes with one of IPv4', () => {
  it('is as far from the beginning', () => {
    expect(match('172.30.0.2')).toBe('fd00:1::2');
    expect(match('172.30.1.2')).toBe('fd00:1::102');
    expect(match('172.30.0.2', [], 'fd00:1::1:0/112')).toBe('fd00:1::1:2');
  });

  it('is the next when it is taken, or the gateway', () => {
    expect(match('172.30.0.3')).toBe('fd00:1::4');
    expect(match('172.30.0.2', ['fd00:1::2', 'fd00:1::4'])).toBe('fd00:1::5');
  });

  it('is one of the range, until all of it is taken', () => {
    expect(match('172.30.9.7', [], 'fd00:1::8/127')).toBe('fd00:1::9');
    expect(match('172.30.9.7', ['fd00:1::9'], 'fd00:1::8/127')).toBe('fd00:1::8');
    expect(match('172.30.9.7', ['fd00:1::8', 'fd00:1::9'], 'fd00:1::8/127')).toBeUndefined();
  });
});
