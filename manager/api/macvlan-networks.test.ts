import { describe, expect, it } from 'vitest';
import { NetworkSpec, ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import { node } from '../objects.testing.ts';
import { completeServiceSpec } from '../store/service.ts';
import { checkHasPlace, checkMacvlanSpec } from './macvlan-networks.ts';
import { checkWayOut } from './way-out.ts';

const LAN = { driver: 'macvlan', subnet: '192.168.1.0/24', driverOpts: { parent: 'eth0' } };
const specOf = (more: Partial<NetworkSpec> = {}) => {
  const annotations = { name: 'lan', labels: {} };
  return { ...NetworkSpec.fromPartial({ ...LAN, ...more }), annotations };
};

describe('a macvlan network of the cluster', () => {
  const possible: readonly Partial<NetworkSpec>[] = [
    { ...LAN, driverOpts: { parent: 'eth0.10', macvlan_mode: 'private' } },
    { ...LAN, gateway: '192.168.1.254', ipRange: '192.168.1.64/26', internal: true, attachable: true },
    { driver: 'macvlan', subnet: '', driverOpts: {}, configFrom: 'office' },
    { driver: 'overlay', subnet: '', driverOpts: { encrypted: '' } },
  ];

  it.each(possible)('can be %j', (spec) => {
    expect(() => checkMacvlanSpec(specOf(spec))).not.toThrow();
  });

  it.each([
    [{ driverOpts: {} }, 'INVALID_ARGUMENT', 'needs a parent'],
    [{ driverOpts: { parent: 'lo' } }, 'INVALID_ARGUMENT', '"lo" can\'t be a parent'],
    [{ driverOpts: { parent: 'a/b' } }, 'INVALID_ARGUMENT', "can't be a parent"],
    [{ driverOpts: { parent: 'eth0', mtu: '1400' } }, 'UNSUPPORTED', 'driver option "mtu"'],
    [{ driverOpts: { parent: 'eth0', macvlan_mode: 'hub' } }, 'INVALID_ARGUMENT', '"hub" is no macvlan_mode'],
    [{ driverOpts: { parent: 'eth0', macvlan_mode: 'passthru' } }, 'UNSUPPORTED', 'one container'],
    [{ subnet: '' }, 'INVALID_ARGUMENT', 'subnet of its LAN'],
    [{ enableIpv6: true }, 'UNSUPPORTED', 'no IPv6'],
    [{ configFrom: 'office' }, 'INVALID_ARGUMENT', "192.168.1.0/24 doesn't go with config office"],
    [{ driver: 'overlay', driverOpts: {}, configFrom: 'office' }, 'UNSUPPORTED', 'are for macvlan'],
  ])('is refused with %j', (spec, code, message) => {
    expect(() => checkMacvlanSpec(specOf(spec))).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });

  it('is refused where no node has its link, with what each has', () => {
    const network = { spec: specOf(), subnet: LAN.subnet, gateway: '192.168.1.1' };
    expect(() => checkHasPlace([network], [node('a'), node('b', { links: ['eth0'] })])).not.toThrow();
    const many = ['c', 'd', 'e'].map((id) => node(id, { links: ['lan0', 'lan1', 'lan2', 'lan3'] }));
    expect(() => checkHasPlace([network], [node('a'), ...many])).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        message: expect.stringMatching(
          /lan can be on no node of the cluster \(a: no link eth0 for macvlan network lan; c: .*, but lan0, lan1, lan2, …; .*; and 1 more\)$/,
        ),
      }),
    );
  });
});

describe('a service that publishes ports', () => {
  const networks = new Map([
    ['lan', specOf()],
    ['apart', specOf({ internal: true })],
    ['back', specOf({ driver: 'overlay' })],
  ]);
  const check = (targets: readonly string[]) => {
    const task = { networks: targets.map((target) => ({ target })) };
    const spec = ServiceSpec.fromPartial({ annotations: { name: 'web' }, task, ports: [{ targetPort: 80 }] });
    checkWayOut(completeServiceSpec(spec), (id) => networks.get(id));
  };

  it.each([[[]], [['back']], [['back', 'lan']], [['apart', 'back', 'lan']]])('may be on %j', (targets) => {
    expect(() => check(targets)).not.toThrow();
  });

  it.each([
    [['lan', 'back'], 'goes out by macvlan network lan'],
    [['apart', 'lan'], 'goes out by macvlan network lan'],
    [['apart'], 'its networks are all internal'],
  ])('is refused on %j', (targets, message) => {
    expect(() => check(targets)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) }),
    );
  });
});
