import { describe, expect, it } from 'vitest';
import { cgroupsPath, validateCgroupParent } from './cgroup-parent.ts';

describe('a cgroup parent', () => {
  it.each([
    ['', '/gantry/c0ffee'],
    ['batch', '/gantry/batch/c0ffee'],
    ['batch/night/', '/gantry/batch/night/c0ffee'],
    ['/gantry', '/gantry/c0ffee'],
    ['/gantry/batch', '/gantry/batch/c0ffee'],
    ['gantry', '/gantry/gantry/c0ffee'],
  ])('may be "%s"', (parent, path) => {
    expect(() => validateCgroupParent(parent)).not.toThrow();
    expect(cgroupsPath('c0ffee', parent)).toBe(path);
  });

  it.each(['/', '/batch', '/gantry2', '/system.slice/x'])('is refused outside of gantry: %s', (parent) => {
    expect(() => validateCgroupParent(parent)).toThrow("is not one of gantry's own");
  });

  it.each(['..', 'a/../b', 'batch.slice', 'a b', 'f'.repeat(64), 'a/b/c/d/e/f/g/h/i', '/gantry/../x', 'cpu.max'])(
    'is refused: %s',
    (parent) => {
      expect(() => validateCgroupParent(parent)).toThrow('invalid cgroup parent');
    },
  );
});
