import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { native } from './native.ts';

describe('spreadSubdirectories', () => {
  it('marks a directory, once and again, and says where that means nothing', () => {
    const own = mkdtempSync(join(tmpdir(), 'gantry-spread-'));
    try {
      const isKnown = native.spreadSubdirectories(own);
      expect(native.spreadSubdirectories(own)).toBe(isKnown);
      if (isKnown && existsSync('/usr/bin/lsattr'))
        expect(execFileSync('lsattr', ['-d', own], { encoding: 'utf8' }).split(' ')[0]).toContain('T');
    } finally {
      rmSync(own, { recursive: true });
    }
    expect(native.spreadSubdirectories('/proc/self')).toBe(false);
    expect(() => native.spreadSubdirectories('/proc/none')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});
