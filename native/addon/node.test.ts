import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { native } from './native.ts';
import { isRoot, useWorkplace } from './workplace.testing.ts';

const place = useWorkplace();

describe.skipIf(!isRoot)('device nodes and pipes', () => {
  it('makes device nodes and pipes with exact modes', () => {
    const device = join(place.directory, 'null');
    native.mknod(device, 0o020666, 1, 3);
    expect(statSync(device).rdev).toBe(0x103);
    expect(statSync(device).mode).toBe(0o020666);
    const pipe = join(place.directory, 'pipe');
    native.mknod(pipe, 0o010620, 0, 0);
    expect(statSync(pipe).isFIFO()).toBe(true);
    expect(() => native.mknod(pipe, 0o010620, 0, 0)).toThrow(/EEXIST/);
    expect(() => native.mknod(pipe, 0o010620, 1 << 20, 0)).toThrow(/major/);
  });
});
