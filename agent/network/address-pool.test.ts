import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AddressPool, nextAddress } from './address-pool.ts';
import { formatIpv4, parseSubnet, requireIpv4 } from './subnet.ts';

function pool(subnet: string, gateway: string, ...blocks: string[]): AddressPool {
  const reserved = new Set<number>();
  return { subnet: parseSubnet(subnet), gateway: requireIpv4(gateway), blocks: blocks.map(parseSubnet), reserved };
}

/** All addresses in the order in which they are given. */
function drain(from: AddressPool, last?: number): string[] {
  const taken = new Set<number>();
  const given: string[] = [];
  for (let next = nextAddress(from, taken, last); next !== undefined; next = nextAddress(from, taken, next)) {
    taken.add(next);
    given.push(formatIpv4(next));
  }
  return given;
}

describe('nextAddress', () => {
  it('gives every address of the subnet but network, gateway and broadcast', () => {
    expect(drain(pool('10.0.0.0/29', '10.0.0.1', '10.0.0.0/29'))).toEqual([
      '10.0.0.2',
      '10.0.0.3',
      '10.0.0.4',
      '10.0.0.5',
      '10.0.0.6',
    ]);
  });

  it('gives the first and last address of a block that lies inside the subnet', () => {
    expect(drain(pool('10.0.0.0/24', '10.0.0.1', '10.0.0.8/31'))).toEqual(['10.0.0.8', '10.0.0.9']);
  });

  it('goes through blocks by address, whatever their order', () => {
    const two = pool('10.0.0.0/24', '10.0.0.1', '10.0.0.128/31', '10.0.0.8/31');
    expect(drain(two)).toEqual(['10.0.0.8', '10.0.0.9', '10.0.0.128', '10.0.0.129']);
  });

  it('goes round: an address that has been given back comes last', () => {
    const small = pool('10.0.0.0/29', '10.0.0.1', '10.0.0.0/29');
    const taken = new Set([requireIpv4('10.0.0.3')]);
    expect(formatIpv4(nextAddress(small, taken, requireIpv4('10.0.0.2')) ?? 0)).toBe('10.0.0.4');
    expect(formatIpv4(nextAddress(small, taken, requireIpv4('10.0.0.6')) ?? 0)).toBe('10.0.0.2');
  });

  it('gives nothing without blocks, or when all are taken', () => {
    expect(nextAddress(pool('10.0.0.0/24', '10.0.0.1'), new Set(), undefined)).toBeUndefined();
    const one = pool('10.0.0.0/30', '10.0.0.1', '10.0.0.0/30');
    expect(nextAddress(one, new Set([requireIpv4('10.0.0.2')]), undefined)).toBeUndefined();
  });

  it('knows no network address in a /31 and a /32', () => {
    expect(drain(pool('10.0.0.0/31', '10.0.0.1', '10.0.0.0/31'))).toEqual(['10.0.0.0']);
    expect(drain(pool('10.0.0.7/32', '10.0.0.1', '10.0.0.7/32'))).toEqual(['10.0.0.7']);
  });

  it('works at the upper end of the address space', () => {
    expect(drain(pool('255.255.255.252/30', '255.255.255.253', '255.255.255.252/30'))).toEqual(['255.255.255.254']);
  });

  it('never gives an address twice, nor one that is taken or outside its blocks', () => {
    const offsets = fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { maxLength: 200 });
    fc.assert(
      fc.property(offsets, fc.integer({ min: 24, max: 30 }), fc.integer({ min: 0, max: 255 }), (held, length, last) => {
        const base = requireIpv4('10.0.0.0');
        const from = pool('10.0.0.0/24', '10.0.0.1', `10.0.0.64/${Math.max(length, 26)}`);
        const taken = new Set(held.map((offset) => base + offset));
        const next = nextAddress(from, taken, base + last);
        const size = 2 ** (32 - Math.max(length, 26));
        const free = Array.from({ length: size }, (_, index) => base + 64 + index).filter((a) => !taken.has(a));
        if (next === undefined) expect(free).toEqual([]);
        else expect(free).toContain(next);
      }),
    );
  });
});
