import { describe, expect, it } from 'vitest';
import { type CheckedNode, clockDifference, findingsBetween } from './network-findings.ts';

const node = (id: string, more: Partial<CheckedNode> = {}): CheckedNode => ({
  id,
  name: id,
  address: `10.0.0.${id.slice(1)}`,
  mtu: 1500,
  clockDifferenceMs: 0,
  received: [],
  ...more,
});
const got = (nodeId: string, small: number, large: number) => ({ nodeId, small, large });

it('nothing is wrong between nodes whose probes arrive', () => {
  const nodes = [node('n1', { received: [got('n2', 5, 5)] }), node('n2', { received: [got('n1', 1, 1)] })];
  expect(findingsBetween(nodes)).toEqual([]);
});

it('names the way that nothing, or nothing large, comes', () => {
  const nodes = [
    node('n1', { received: [got('n2', 0, 0), got('gone', 0, 0)] }),
    node('n2', { received: [got('n1', 5, 0)] }),
  ];
  expect(findingsBetween(nodes)).toMatchObject([
    { node: 'n2', peer: 'n1', subject: 'udp', message: 'UDP port 4789 of 10.0.0.1 gets nothing from 10.0.0.2' },
    { node: 'n1', peer: 'n2', subject: 'mtu' },
  ]);
});

it('names links that carry less than others, and clocks', () => {
  const nodes = [node('n1'), node('n2', { mtu: 1400 }), node('n3', { mtu: 0, clockDifferenceMs: -61_000 })];
  expect(findingsBetween(nodes)).toMatchObject([
    { node: 'n2', subject: 'mtu', message: 'its link with 10.0.0.2 has MTU 1400, others have 1500' },
    { node: 'n3', subject: 'clock', message: "its clock is 61 s behind the manager's" },
  ]);
});

describe('clockDifference', () => {
  it('is what the time that the answer took does not explain', () => {
    expect(clockDifference(10_900, 1000, 11_000)).toBe(0);
    expect(clockDifference(1000, 1000, 11_000)).toBe(0);
    expect(clockDifference(14_000, 1000, 11_000)).toBe(3000);
    expect(clockDifference(400, 1000, 11_000)).toBe(-600);
  });
});
