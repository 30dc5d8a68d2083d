import { describe, expect, it } from 'vitest';
import { parseOutput, readOutputs } from './outputs.ts';

describe('--output', () => {
  it.each([
    ['out', { kind: 'directory', path: 'out' }],
    ['-', { kind: 'tar', file: '-' }],
    ['type=local,dest=out', { kind: 'directory', path: 'out' }],
    ['type=tar,dest=x.tar', { kind: 'tar', file: 'x.tar' }],
    ['type=tar', { kind: 'tar', file: '-' }],
    ['type=docker', { kind: 'image', names: [], push: false }],
    ['type=docker,dest=x.tar', { kind: 'archive', names: [], file: 'x.tar' }],
    ['type=oci,name=a:1', { kind: 'archive', names: ['a:1'], file: '-' }],
    ['type=image,name=r/a,push=true', { kind: 'image', names: ['r/a'], push: true }],
    ['type=image,"name=r/a,r/b"', { kind: 'image', names: ['r/a', 'r/b'], push: false }],
    ['type=registry,oci-mediatypes=true', { kind: 'image', names: [], push: true }],
    ['type=cacheonly', { kind: 'cache' }],
  ])('%s', (text, expected) => {
    expect(parseOutput(text)).toEqual(expected);
  });

  it.each([
    ['type=lokal,dest=x', 'unknown type "lokal"'],
    ['dest=x', 'unknown type ""'],
    ['type=local', 'names no directory'],
    ['type=local,dets=x', 'type local has no dets=x'],
    ['type=image,compression=zstd', 'compression of --output is not supported'],
    ['type=image,annotation.a=b', 'annotation.a of --output is not supported'],
    ['type=image,push=maybe', 'neither true nor false'],
    ['type=oci,tar=false', 'type oci has no tar=false'],
    ['', 'invalid argument'],
  ])('refuses %j', (text, message) => {
    expect(() => parseOutput(text)).toThrow(message);
  });

  it('is an image of the host by itself, besides which --push pushes', () => {
    expect(readOutputs([], {})).toEqual([{ kind: 'image', names: [], push: false }]);
    expect(readOutputs([], { push: true })).toEqual([{ kind: 'image', names: [], push: true }]);
    expect(readOutputs(['out'], { load: true }).map(({ kind }) => kind)).toEqual(['directory', 'image']);
    expect(() => readOutputs(['out', '-'], {})).toThrow('several outputs of files');
  });
});
