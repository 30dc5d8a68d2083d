import { describe, expect, it } from 'vitest';
import { type NetworkObject, networkType } from '../store/network.ts';
import { chooseVip } from './choose-vip.ts';

function network(subnet: string, gateway: string, blocks: readonly string[] = []): NetworkObject {
  return networkType.complete({
    id: 'n1',
    meta: undefined,
    spec: undefined,
    subnet,
    gateway,
    blocks: blocks.map((cidr) => ({ nodeId: 'node1', cidr })),
    pendingDelete: false,
    vni: 0,
    ipv6Subnet: '',
    ipv6Gateway: '',
  });
}

function fill(of: NetworkObject): string[] {
  const taken = new Set<string>();
  for (let number = 0; ; number += 1) {
    const address = chooseVip(of, `s${number}`, taken);
    if (address === undefined) return [...taken];
    expect(taken.has(address)).toBe(false);
    taken.add(address);
  }
}

describe("a service's own address", () => {
  it('is one of the last quarter of the network, while there is room: nodes have theirs below', () => {
    const taken = new Set<string>();
    for (let number = 0; number < 1000; number += 1) {
      taken.add(chooseVip(network('10.1.0.0/20', '10.1.0.1'), `s${number}`, taken) ?? '');
    }
    expect(taken.size).toBe(1000);
    for (const address of taken) expect(Number(address.split('.')[2])).toBeGreaterThanOrEqual(12);
  });

  it('is one of the range alone', () => {
    const whole = network('10.1.0.0/20', '10.1.0.1', ['10.1.4.0/30']);
    const given = fill({ ...whole, spec: { ...whole.spec, ipRange: '10.1.4.0/29' } });
    expect(given.toSorted((a, b) => a.localeCompare(b))).toEqual(['10.1.4.4', '10.1.4.5', '10.1.4.6', '10.1.4.7']);
  });

  it('is the same for the same service, and seldom that of another one that has gone', () => {
    const of = network('10.1.0.0/20', '10.1.0.1');
    expect(chooseVip(of, 's1', new Set())).toBe(chooseVip(of, 's1', new Set()));
    expect(new Set(['s1', 's2', 's3'].map((id) => chooseVip(of, id, new Set()))).size).toBe(3);
  });

  it('may be any address of a small network but the first, the last, the gateway, and those of nodes', () => {
    const all = fill(network('10.1.0.0/28', '10.1.0.14', ['10.1.0.4/30']));
    const numbers = all.map((address) => Number(address.split('.')[3])).sort((a, b) => a - b);
    expect(numbers).toEqual([1, 2, 3, 8, 9, 10, 11, 12, 13]);
  });

  it('is none when there is none', () => {
    expect(fill(network('10.1.0.0/29', '10.1.0.1', ['10.1.0.0/29']))).toEqual([]);
  });
});
