import { describe, expect, it } from 'vitest';
import { LocalNetworkSpec } from '../../proto/generated/gantry/v1/engine.ts';
import { planLocalNetwork } from './local-network-spec.ts';
import type { NetworkRecord } from './network-record.ts';
import { parseSubnet } from './subnet.ts';

const MTU = 'com.docker.network.driver.mtu';

function plan(
  spec: Partial<LocalNetworkSpec>,
  networks: readonly NetworkRecord[] = [],
  routed: readonly string[] = [],
) {
  const routes = routed.map((cidr) => ({
    destination: parseSubnet(cidr),
    gateway: undefined,
    linkIndex: 2,
    table: 254,
  }));
  return planLocalNetwork(LocalNetworkSpec.fromPartial({ name: 'net', ...spec }), {
    networks,
    routes,
    id: 'id',
    nowMs: 1,
  });
}

describe('a network of one host', () => {
  it('gets the first pool that is free, and its first address as gateway', () => {
    expect(plan({}, [plan({ name: 'a' })], ['172.18.0.0/16'])).toMatchObject({
      subnet: '172.19.0.0/16',
      gateway: '172.19.0.1',
      blocks: ['172.19.0.0/16'],
      hasOwnSubnet: false,
    });
  });

  it('gets what it is given', () => {
    const spec = { subnet: '10.1.0.0/16', gateway: '10.1.0.9', ipRange: '10.1.4.0/24', driverOpts: { [MTU]: '9000' } };
    expect(plan(spec)).toMatchObject({
      subnet: '10.1.0.0/16',
      gateway: '10.1.0.9',
      blocks: ['10.1.4.0/24'],
      hasOwnSubnet: true,
      mtu: 9000,
    });
  });

  it.each([
    [{ subnet: '10.1.0.1/16' }, 'INVALID_ARGUMENT', '10.1.0.0/16'],
    [{ subnet: '10.1.0.0/30' }, 'INVALID_ARGUMENT', 'prefix length'],
    [{ subnet: 'fd00::/64' }, 'INVALID_ARGUMENT', '10.1.2.0/24'],
    [{ gateway: '10.1.0.1' }, 'INVALID_ARGUMENT', '--subnet'],
    [{ subnet: '10.1.0.0/16', gateway: '10.2.0.1' }, 'INVALID_ARGUMENT', ''],
    [{ subnet: '10.1.0.0/16', ipRange: '10.2.0.0/24' }, 'INVALID_ARGUMENT', ''],
    [{ subnet: '10.9.1.0/24' }, 'CONFLICT', 'another subnet'],
    [{ driver: 'macvlan' }, 'UNSUPPORTED', 'bridge'],
    [{ driver: 'overlay' }, 'UNSUPPORTED', 'manager'],
    [{ driver: 'host' }, 'UNSUPPORTED', '--network host'],
    [{ driver: 'weave' }, 'UNSUPPORTED', 'bridge'],
    [{ driverOpts: { encrypted: '' } }, 'UNSUPPORTED', MTU],
    [{ driverOpts: { [MTU]: '70000' } }, 'INVALID_ARGUMENT', '65535'],
    [{ name: 'bridge' }, 'WRONG_STATE', 'your own'],
    [{ name: 'a b' }, 'INVALID_ARGUMENT', 'letters'],
    [{ name: 'taken' }, 'ALREADY_EXISTS', 'another name'],
  ])('is refused with %j, and told what to do', (spec, code, hint) => {
    const others = [plan({ name: 'taken', subnet: '10.9.0.0/16' })];
    expect(() => plan(spec, others)).toThrow(expect.objectContaining({ code, hint: expect.stringContaining(hint) }));
  });

  it('is refused when no pool is left', () => {
    const all = ['172.16.0.0/12', '192.168.0.0/16'];
    expect(() => plan({}, [], all)).toThrow(expect.objectContaining({ code: 'EXHAUSTED' }));
  });
});
