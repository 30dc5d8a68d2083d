import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { native } from './native.ts';
import { isRoot, useWorkplace } from './workplace.testing.ts';

const place = useWorkplace();

describe.skipIf(!isRoot)('extended attributes', () => {
  it('writes, lists, reads and removes extended attributes, empty ones too', () => {
    const path = place.make('attributes');
    native.setXattr(path, 'trusted.a', Buffer.from([0, 1, 2]));
    native.setXattr(path, 'user.empty', new Uint8Array(0));
    expect(new Set(native.listXattr(path))).toEqual(new Set(['trusted.a', 'user.empty']));
    expect(native.getXattr(path, 'trusted.a')).toEqual(Buffer.from([0, 1, 2]));
    expect(native.getXattr(path, 'user.empty')).toEqual(Buffer.alloc(0));
    expect(native.getXattr(path, 'user.none')).toBeNull();
    native.removeXattr(path, 'trusted.a');
    expect(native.listXattr(path)).toEqual(['user.empty']);
  });

  it('takes names that are not UTF-8', () => {
    const path = Buffer.concat([Buffer.from(`${place.directory}/`), Buffer.of(0xff, 0xfe)]);
    native.mknod(path, 0o100644, 0, 0);
    native.setXattr(path, 'user.a', Buffer.from('b'));
    expect(native.listXattr(path)).toEqual(['user.a']);
    expect(readdirSync(place.directory, { encoding: 'buffer' })).toEqual([Buffer.of(0xff, 0xfe)]);
    expect(() => native.listXattr(Buffer.of(0x2f, 0))).toThrow(/NUL/);
  });

  it('reads no attributes where the file system has none', () => {
    expect(native.listXattr('/proc/self/stat')).toEqual([]);
    expect(native.getXattr('/proc/self/stat', 'user.x')).toBeNull();
  });

  it('throws for a missing file', () => {
    expect(() => native.listXattr(join(place.directory, 'none'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});
