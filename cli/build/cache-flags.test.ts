import { describe, expect, it } from 'vitest';
import { readCacheSource, readCacheTarget } from './cache-flags.ts';

describe('--cache-from', () => {
  it.each([
    ['shop:1', { kind: 'image', reference: 'shop:1' }],
    ['type=registry,ref=r.example.com/shop:1', { kind: 'image', reference: 'r.example.com/shop:1' }],
    ['type=local,src=cache', { kind: 'layout', place: 'cache' }],
    ['type=local,src=cache,tag=old', { kind: 'layout', place: 'cache:old' }],
    ['type=local,src=cache,digest=sha256:12', { kind: 'layout', place: 'cache@sha256:12' }],
  ])('%s', (text, expected) => {
    expect(readCacheSource(text)).toEqual(expected);
  });

  it.each([
    ['type=registry', 'names no image'],
    ['type=local', 'names no directory'],
    ['type=gha', 'the type gha of --cache-from is not supported'],
    ['type=local,scr=x', 'scr=x of --cache-from is not supported'],
    ['', 'invalid argument'],
  ])('refuses %j', (text, message) => {
    expect(() => readCacheSource(text)).toThrow(message);
  });
});

describe('--cache-to', () => {
  it.each([
    ['inline', { kind: 'inline' }],
    ['type=inline,mode=min', { kind: 'inline' }],
    ['type=registry,ref=r/c,mode=max', { kind: 'registry', reference: 'r/c', steps: 'all' }],
    ['type=registry,ref=r/c,image-manifest=true', { kind: 'registry', reference: 'r/c', steps: 'target' }],
    ['type=local,dest=out', { kind: 'local', directory: 'out', steps: 'target' }],
  ])('%s', (text, expected) => {
    expect(readCacheTarget(text)).toEqual(expected);
  });

  it.each([
    ['type=inline,mode=max', 'invalid argument'],
    ['type=local,dest=x,mode=most', 'invalid argument'],
    ['type=s3', 'the type s3 of --cache-to is not supported'],
    ['type=registry,ref=r/c,compression=zstd', 'compression=zstd of --cache-to is not supported'],
    ['type=local', 'names no directory'],
  ])('refuses %j', (text, message) => {
    expect(() => readCacheTarget(text)).toThrow(message);
  });
});
