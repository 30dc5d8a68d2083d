import { expect, it } from 'vitest';
import { cacheImage, checkCacheTarget } from './cache-flags.ts';

it('caches come from images', () => {
  expect(cacheImage('shop:1')).toBe('shop:1');
  expect(cacheImage('type=registry,ref=r.example.com/shop:1')).toBe('r.example.com/shop:1');
  expect(() => cacheImage('type=registry')).toThrow('names no image');
  expect(() => cacheImage('type=local,src=x')).toThrow('the type local of --cache-from is not supported');
  expect(() => cacheImage('')).toThrow('invalid argument');
});

it('caches go into images', () => {
  for (const text of ['inline', 'type=inline', 'type=inline,mode=min'])
    expect(() => checkCacheTarget(text)).not.toThrow();
  expect(() => checkCacheTarget('type=registry,ref=x')).toThrow('the type registry of --cache-to is not supported');
});
