import { describe, expect, it } from 'vitest';
import { Tail } from './tail.ts';

function tailOf(records: readonly [index: number, bytes: number][]): Tail {
  const tail = new Tail({ maxRecords: 3, maxBytes: 100 });
  for (const [index, bytes] of records) tail.add(index, bytes);
  return tail;
}

describe('Tail', () => {
  it.each([
    ['nothing was seen', [], 10, 11],
    [
      'few were',
      [
        [9, 1],
        [10, 1],
      ],
      10,
      9,
    ],
    [
      'many were',
      [
        [6, 1],
        [7, 1],
        [8, 1],
        [9, 1],
        [10, 1],
      ],
      10,
      8,
    ],
    [
      'they are large',
      [
        [8, 60],
        [9, 60],
        [10, 40],
      ],
      10,
      9,
    ],
    [
      'the last is too large',
      [
        [8, 1],
        [9, 1],
        [10, 101],
      ],
      10,
      11,
    ],
    [
      'others came since the snapshot',
      [
        [9, 1],
        [10, 1],
        [11, 1],
        [12, 1],
      ],
      10,
      10,
    ],
    [
      'many came since the snapshot',
      [
        [11, 1],
        [12, 1],
        [13, 1],
        [14, 1],
        [15, 1],
      ],
      10,
      11,
    ],
  ] as const)('keeps what limits allow when %s', (_name, records, snapshot, first) => {
    expect(tailOf(records.map(([index, bytes]) => [index, bytes])).firstKept(snapshot)).toBe(first);
  });
});
