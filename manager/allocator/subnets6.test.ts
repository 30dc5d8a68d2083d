import { describe, expect, it } from 'vitest';
import { NetworkSpec } from '../../proto/generated/gantry/v1/types.ts';
import { allocateSubnet6, type Ipv6Wish } from './subnets6.ts';

const IPV4 = { subnet: '10.1.0.0/20', gateway: '10.1.0.1' };
const annotations = { name: 'other', labels: {} };
const other = { spec: { ...NetworkSpec.create(), annotations }, ipv6Subnet: 'fd00:5::/64' };

function allocate(wish: Partial<Ipv6Wish>, ipv4 = IPV4, hostAddresses: readonly string[] = []) {
  const whole = { enableIpv6: true, ipv6Subnet: '', ipv6Gateway: '', ...wish };
  return allocateSubnet6('net', whole, ipv4, { networks: [other], hostAddresses, seed: 'id' });
}

describe('IPv6 subnets of networks', () => {
  it('are those that are asked for, with a gateway that goes with that of IPv4', () => {
    const ipv6Subnet = 'fd00:1::/64';
    expect(allocate({ ipv6Subnet })).toEqual({ ipv6Subnet, ipv6Gateway: 'fd00:1::1' });
    const high = { ...IPV4, gateway: '10.1.15.254' };
    expect(allocate({ ipv6Subnet }, high)).toEqual({ ipv6Subnet, ipv6Gateway: 'fd00:1::ffe' });
    expect(allocate({ ipv6Subnet, ipv6Gateway: 'fd00:1:0::1' }).ipv6Gateway).toBe('fd00:1::1');
  });

  it('are unique local ones when nobody chose them, and none without IPv6', () => {
    expect(allocate({}).ipv6Subnet).toMatch(/^fd[0-9a-f:]+::\/64$/);
    expect(allocate({}).ipv6Subnet).toBe(allocate({}).ipv6Subnet);
    expect(allocate({ enableIpv6: false })).toEqual({ ipv6Subnet: '', ipv6Gateway: '' });
  });

  it.each<[string, Partial<Ipv6Wish>, string]>([
    ['overlaps', { ipv6Subnet: 'fd00:5::/48' }, 'IN_USE'],
    ['has the address of a node', { ipv6Subnet: '2001:db8::/64' }, 'IN_USE'],
    ['is smaller than that of IPv4', { ipv6Subnet: 'fd00:1::/117' }, 'INVALID_ARGUMENT'],
    ['is for links', { ipv6Subnet: 'fe80::/64' }, 'INVALID_ARGUMENT'],
    ['has another gateway', { ipv6Subnet: 'fd00:1::/64', ipv6Gateway: 'fd00:1::5' }, 'INVALID_ARGUMENT'],
    ['is given without IPv6', { enableIpv6: false, ipv6Subnet: 'fd00:1::/64' }, 'INVALID_ARGUMENT'],
  ])('are refused when one %s', (_, wish, code) => {
    expect(() => allocate(wish, IPV4, ['192.0.2.1', '2001:db8::7'])).toThrow(expect.objectContaining({ code }));
  });
});
