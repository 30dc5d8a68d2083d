import { describe, expect, it } from 'vitest';
import { Confluence, mergeInOrder } from './merge.ts';

async function* from<T>(...items: T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

async function* failing(): AsyncGenerator<number> {
  yield await Promise.resolve(1);
  throw new Error('broken');
}

describe('mergeInOrder', () => {
  it('merges sorted streams', async () => {
    const merged = await collect(mergeInOrder([from(1, 4, 6), from(2, 3), from<number>()], (a, b) => a - b));
    expect(merged).toEqual([1, 2, 3, 4, 6]);
  });

  it('closes all streams when it is left early', async () => {
    let closed = 0;
    const source = async function* () {
      try {
        for (;;) yield await Promise.resolve(1);
      } finally {
        closed += 1;
      }
    };
    for await (const _ of mergeInOrder([source(), source()], () => 0)) break;
    expect(closed).toBe(2);
  });
});

describe('Confluence', () => {
  it('has what all streams bring, also those that are added later, and ends on abort', async () => {
    const over = new AbortController();
    const confluence = new Confluence<number>(over.signal);
    confluence.add(from(1, 2));
    const seen: number[] = [];
    for await (const item of confluence.read()) {
      seen.push(item);
      if (item === 2) confluence.add(from(3));
      if (item === 3) over.abort();
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  it('fails when a stream fails', async () => {
    const confluence = new Confluence<number>(new AbortController().signal);
    confluence.add(failing());
    await expect(collect(confluence.read())).rejects.toThrow('broken');
  });
});
