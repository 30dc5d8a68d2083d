import { expect, it } from 'vitest';
import { networkType } from '../store/network.ts';
import { UsedRanges } from './used-ranges.ts';

function network(subnet: string, driverOpts: Record<string, string> = {}, ipv6Subnet = '') {
  const absent = { meta: undefined, blocks: [], pendingDelete: false, vni: 0, gateway: '', ipv6Gateway: '' };
  const made = networkType.complete({ id: subnet, subnet, ipv6Subnet, spec: undefined, ...absent });
  return { ...made, spec: { ...made.spec, driverOpts } };
}

it('spares a node of many the question only for what certainly fits, and only for a while', () => {
  const used = new UsedRanges();
  const [free, taken] = [network('10.20.0.0/24'), network('192.168.0.0/16')];
  expect(used.leaveRoomFor('n1', [free], 0)).toBe(false);
  used.heard('n1', ['192.168.7.0/24', 'fd00::/64'], 1000, 1000);
  expect(used.leaveRoomFor('n1', [free], 1000)).toBe(true);
  expect(used.leaveRoomFor('n2', [free], 1000)).toBe(false);
  expect(used.leaveRoomFor('n1', [free, taken], 1000)).toBe(false);
  expect(used.leaveRoomFor('n1', [network('10.20.0.0/24', { mtu: '9000' })], 1000)).toBe(false);
  expect(used.leaveRoomFor('n1', [network('10.20.0.0/24', {}, 'fd00:1::/64')], 1000)).toBe(false);
  expect(used.leaveRoomFor('n1', [free], 60_999)).toBe(true);
  expect(used.leaveRoomFor('n1', [free], 61_000)).toBe(false);
  used.heard('n1', [], 61_000, 5);
  expect(used.leaveRoomFor('n1', [free], 61_000)).toBe(false);
});
