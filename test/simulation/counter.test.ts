import { describe, expect, it } from 'vitest';
import { Counter } from './counter.ts';
import { encodeWrite } from './operation.ts';

function write(client: number, sequence: number): Uint8Array {
  return encodeWrite({ client, sequence }, client);
}

describe('Counter', () => {
  it('counts each write once, however often it comes', () => {
    const counter = new Counter();
    for (const [position, data] of [write(1, 1), write(2, 1), write(1, 1), write(1, 2)].entries()) {
      counter.apply(position + 1, data);
    }
    expect(counter.version).toBe(3);
    expect(counter.versionOf({ client: 1, sequence: 2 })).toBe(3);
    expect(counter.versionOf({ client: 2, sequence: 1 })).toBe(2);
    expect(counter.versionOf({ client: 1, sequence: 1 })).toBeUndefined();
  });

  it('goes on from a snapshot as from the entries', () => {
    const [one, other] = [new Counter(), new Counter()];
    one.apply(1, write(2, 1));
    one.apply(2, write(1, 4));
    other.restore(one.snapshot());
    for (const counter of [one, other]) counter.apply(3, write(1, 5));
    expect(other.hash).toBe(one.hash);
    expect(other.snapshot()).toEqual(one.snapshot());
  });

  it('has another hash after other entries, or the same in another order', () => {
    const hashes = [[write(1, 1), write(2, 1)], [write(2, 1), write(1, 1)], [write(1, 1)]].map((entries) => {
      const counter = new Counter();
      for (const [position, data] of entries.entries()) counter.apply(position + 1, data);
      return counter.hash;
    });
    expect(new Set(hashes).size).toBe(3);
  });
});
