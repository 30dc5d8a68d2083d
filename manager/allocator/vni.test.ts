import { expect, it } from 'vitest';
import { chooseVni } from './vni.ts';

it('is the same for the same network, another for each, of 24 bits, and none of the low ones', () => {
  const given = new Set<number>();
  for (let count = 0; count < 2000; count += 1) given.add(chooseVni(`network${count}`, given));
  expect(given.size).toBe(2000);
  expect(Math.min(...given)).toBeGreaterThanOrEqual(4096);
  expect(Math.max(...given)).toBeLessThan(2 ** 24);
  expect(chooseVni('network0', new Set())).toBe(chooseVni('network0', new Set()));
});

it('passes over what another network has', () => {
  const first = chooseVni('front', new Set());
  expect(chooseVni('front', new Set([first, first + 1]))).toBe(first + 2);
});
