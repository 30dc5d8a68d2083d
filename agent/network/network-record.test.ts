import { describe, expect, it } from 'vitest';
import { AssignedNetwork } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { clusterNetwork } from './network-record.ts';

const MTU = 'com.docker.network.driver.mtu';

const record = (driverOpts: Readonly<Record<string, string>>, underlayMtu = 1500) =>
  clusterNetwork(
    AssignedNetwork.fromPartial({
      network: {
        id: 'net',
        vni: 5000,
        subnet: '10.1.0.0/24',
        gateway: '10.1.0.1',
        spec: { annotations: { name: 'net' }, driver: 'overlay', driverOpts },
      },
      nodeAddress: '192.0.2.1',
    }),
    underlayMtu,
  );

describe('a network of the cluster', () => {
  it.each([
    ['in clear', {}, 1500, 1450, false],
    ['encrypted', { encrypted: '' }, 1500, 1390, true],
    ['encrypted, over large packets', { encrypted: 'true' }, 9000, 8890, true],
    ['encrypted, with less than it could', { encrypted: '', [MTU]: '1300' }, 1500, 1300, true],
  ])('has packets that fit: %s', (_what, options, underlayMtu, mtu, encrypted) => {
    expect(record(options, underlayMtu)).toMatchObject({ mtu, overlay: { encrypted } });
  });

  it.each([
    [{ encrypted: 'false' }, 'INVALID_ARGUMENT', 'leave the option out'],
    [{ encrypted: '', [MTU]: '1450' }, 'INVALID_ARGUMENT', 'at most 1390: packets between nodes are 110 bytes larger'],
    [{ encryption: '' }, 'UNSUPPORTED', `${MTU}, encrypted`],
  ])('is refused with %j', (options, code, hint) => {
    expect(() => record(options)).toThrow(expect.objectContaining({ code, hint: expect.stringContaining(hint) }));
  });
});
