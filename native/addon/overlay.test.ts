import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { native, type OverlayMount } from './native.ts';
import { isRoot, useWorkplace } from './workplace.testing.ts';

const place = useWorkplace();

describe.skipIf(!isRoot)('overlays', () => {
  it('mounts an overlay whose upper directory takes the writes', async () => {
    const lower = [place.make('l1', { same: 'top' }), place.make('l2', { same: 'bottom', only: 'two' })];
    const target = place.make('merged');
    const upper = place.make('upper');
    await native.mountOverlay({ lower, upper, work: place.make('work'), target, durability: 'durable' });
    place.mounts.push(target);
    writeFileSync(join(target, 'new'), 'x');
    expect(readFileSync(join(target, 'same'), 'utf8')).toBe('top');
    expect(readFileSync(join(target, 'only'), 'utf8')).toBe('two');
    expect(readdirSync(upper)).toEqual(['new']);
  });

  it('mounts 200 layers, and paths that options could not hold', async () => {
    const long = place.make('x'.repeat(200));
    const layers = Array.from({ length: 200 }, (_, i) => {
      const path = join(long, `layer,${i}:${'y'.repeat(100)}`);
      mkdirSync(path);
      writeFileSync(join(path, `file${i}`), '');
      return path;
    });
    const target = place.make('merged');
    await native.mountOverlay({ lower: layers, upper: null, work: null, target, durability: 'durable' });
    place.mounts.push(target);
    expect(readdirSync(target)).toHaveLength(200);
    expect(() => writeFileSync(join(target, 'new'), '')).toThrow(/EROFS/);
  });

  it('mounts a single layer read-only', async () => {
    const target = place.make('merged');
    await native.mountOverlay({
      lower: [place.make('l1', { file: 'x' })],
      upper: null,
      work: null,
      target,
      durability: 'durable',
    });
    place.mounts.push(target);
    expect(readdirSync(target)).toEqual(['file']);
    expect(() => writeFileSync(join(target, 'new'), '')).toThrow(/EROFS/);
  });

  it('names a missing layer as an error and refuses bad descriptions', async () => {
    const target = place.make('merged');
    const overlay: OverlayMount = {
      lower: [join(place.directory, 'a'), join(place.directory, 'b')],
      upper: null,
      work: null,
      target,
      durability: 'durable',
    };
    await expect(native.mountOverlay(overlay)).rejects.toMatchObject({ code: 'ENOENT' });
    for (const bad of [
      { lower: [] },
      { lower: [1] },
      { upper: target },
      { target: undefined },
      { durability: 'no' },
      { durability: 'volatile' },
    ]) {
      const description = Object.assign({}, overlay, bad);
      await expect(native.mountOverlay(description as typeof overlay)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
      });
    }
  });
});
