import { describe, expect, it } from 'vitest';
import { type AddressPairs, pairChanges, pairOf, renderPairs } from './address-pairs.ts';
import type { Request } from './netlink/message.ts';

function pairs(...addresses: string[]): AddressPairs {
  return {
    table: { family: 'ip', name: 'gantry-i' },
    set: 'itself',
    pairs: new Set(addresses.map((address) => pairOf(address, address))),
  };
}

function hex(request: Request | undefined): string {
  return Buffer.from(request?.payload ?? []).toString('hex');
}

describe('pairs of each address and itself', () => {
  it('are made anew whatever is there', () => {
    expect(renderPairs(pairs('10.0.1.3', '10.0.1.2')).split('\n')).toEqual([
      'flush set ip gantry-i itself',
      'add element ip gantry-i itself { 10.0.1.2 . 10.0.1.2, 10.0.1.3 . 10.0.1.3 }',
      '',
    ]);
    expect(renderPairs(pairs())).toBe('flush set ip gantry-i itself\n');
    expect(renderPairs(undefined)).toBe('');
  });

  it('are told as what differs', () => {
    const changes = pairChanges(pairs('10.0.1.2', '10.0.1.3'), pairs('10.0.1.3', '10.0.1.4')) ?? [];
    // NFT_MSG_DELSETELEM, NFT_MSG_NEWSETELEM
    expect(changes.map(({ type }) => type & 0xff)).toEqual([14, 12]);
    expect(hex(changes[0])).toContain('0a0001020a000102');
    expect(hex(changes[1])).toContain('0a0001040a000104');
    expect(changes.map(hex).join()).not.toContain('0a000103');
    expect(pairChanges(pairs('10.0.1.2'), pairs('10.0.1.2'))).toEqual([]);
    expect(pairChanges(undefined, undefined)).toEqual([]);
    expect(pairChanges(undefined, pairs())).toBeUndefined();
  });

  it('come in messages that each fit into an attribute', () => {
    const many = Array.from({ length: 2500 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
    const changes = pairChanges(pairs(), pairs(...many)) ?? [];
    expect(changes).toHaveLength(3);
    expect(Math.max(...changes.map(({ payload }) => payload.length))).toBeLessThan(1 << 16);
  });
});
