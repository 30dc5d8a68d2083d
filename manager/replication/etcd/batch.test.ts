import { expect, it } from 'vitest';
import { batchLength } from './batch.ts';
import { MAX_RECORD_BYTES } from './record.ts';

const ofSizes = (...sizes: number[]) => sizes.map((size) => ({ data: new Uint8Array(size) }));

it.each([
  ['nothing', [], 0],
  ['one', [1], 1],
  ['several small ones together', [1, 2, 3], 3],
  ['no more than fit', [MAX_RECORD_BYTES - 1, 1, 1], 2],
  ['a large one alone', [5 * MAX_RECORD_BYTES, 1], 1],
  ['small ones before a large one', [1, 5 * MAX_RECORD_BYTES, 1], 1],
  ['no more operations than etcd takes, with one for the log’s end', Array.from({ length: 500 }, () => 1), 127],
])('takes %s', (_name, sizes, length) => {
  expect(batchLength(ofSizes(...sizes))).toBe(length);
});
