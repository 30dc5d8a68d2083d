import { describe, expect, it } from 'vitest';
import { binarySize, humanSize } from './size.ts';

describe('humanSize', () => {
  it.each([
    [0, '0B'],
    [999, '999B'],
    [1000, '1kB'],
    [1_240_000, '1.24MB'],
    [77_800_000, '77.8MB'],
    [123_456_789, '123MB'],
    [999_999, '1MB'],
    [1_500_000_000, '1.5GB'],
  ])('%d is %s', (bytes, expected) => {
    expect(humanSize(bytes)).toBe(expected);
  });
});

describe('binarySize', () => {
  it.each([
    [1024, '1KiB'],
    [16_672_858_112, '15.53GiB'],
    [512 * 1024 * 1024, '512MiB'],
  ])('%d is %s', (bytes, expected) => {
    expect(binarySize(bytes)).toBe(expected);
  });
});
