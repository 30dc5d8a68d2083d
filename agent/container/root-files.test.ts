import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { deviceNumbers } from './host-devices.ts';
import { directoryInRoot, holdInRoot, makeDirectoryInRoot, readInRoot, resolveInRoot } from './root-files.ts';

const outside = mkdtempSync(join(tmpdir(), 'gantry-root-'));
const root = join(outside, 'rootfs');
mkdirSync(join(root, 'etc'), { recursive: true });
mkdirSync(join(root, 'usr/lib'), { recursive: true });
writeFileSync(join(outside, 'secret'), 'of the host');
writeFileSync(join(root, 'etc/passwd'), 'of the container');
symlinkSync('usr/lib', join(root, 'lib'));
symlinkSync('/usr/lib', join(root, 'lib64'));
symlinkSync('../../../../etc/passwd', join(root, 'usr/up'));
symlinkSync(join(outside, 'secret'), join(root, 'etc/absolute'));
symlinkSync('../../secret', join(root, 'etc/relative'));
symlinkSync('loop', join(root, 'loop'));
afterAll(() => rmSync(outside, { recursive: true }));

describe('a path in a container', () => {
  it.each([
    ['/etc/passwd', '/etc/passwd'],
    ['etc//./passwd', '/etc/passwd'],
    ['/lib/x', '/usr/lib/x'],
    ['/lib64/x', '/usr/lib/x'],
    ['/usr/up', '/etc/passwd'],
    ['/../../etc', '/etc'],
    ['/lib/../x', '/usr/x'],
    ['/not/there/../x', '/not/x'],
    ['/', '/'],
  ])('%s is %s', (path, expected) => {
    expect(resolveInRoot(root, path)).toBe(join(root, expected));
  });

  it('never leads out of it', () => {
    expect(readInRoot(root, '/etc/absolute')).toBe('');
    expect(readInRoot(root, '/etc/relative')).toBe('');
    expect(readInRoot(root, '/usr/up')).toBe('of the container');
  });

  it('does not lead round in circles', () => {
    expect(() => resolveInRoot(root, '/loop/x')).toThrow('too many symbolic links');
  });
});

describe('files in a container', () => {
  it('that aren’t files are empty', () => {
    expect(readInRoot(root, '/etc')).toBe('');
    expect(readInRoot(root, '/nothing')).toBe('');
    expect(readInRoot(root, '/etc/passwd/x')).toBe('');
  });

  it('may be directories', () => {
    expect(directoryInRoot(root, '/lib64')).toBe(join(root, 'usr/lib'));
    expect(directoryInRoot(root, '/etc/passwd')).toBeUndefined();
    expect(directoryInRoot(root, '/nothing')).toBeUndefined();
  });

  it('are made with their parents, through links, where they are missing', () => {
    makeDirectoryInRoot(root, '/lib/app/data');
    expect(existsSync(join(root, 'usr/lib/app/data'))).toBe(true);
    chmodSync(join(root, 'usr/lib'), 0o700);
    makeDirectoryInRoot(root, '/lib');
    expect(statSync(join(root, 'usr/lib')).mode & 0o777).toBe(0o700);
    expect(() => makeDirectoryInRoot(root, '/etc/passwd/x')).toThrow('cannot make the directory /etc/passwd/x');
    expect(() => makeDirectoryInRoot(root, '/etc/passwd')).toThrow('cannot make the directory /etc/passwd');
  });
});

describe('what is held below a root', () => {
  const heldAt = (path: string) => {
    const fd = holdInRoot(root, path);
    if (fd === undefined) return undefined;
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).slice(root.length);
    } finally {
      closeSync(fd);
    }
  };

  it.each([
    ['etc', '/etc'],
    ['etc/passwd', '/etc/passwd'],
    ['lib', '/usr/lib'],
    ['../..', ''],
    ['etc/absolute', undefined],
    ['nothing', undefined],
  ])('%s is %s there', (path, expected) => {
    expect(heldAt(path)).toBe(expected);
  });
});

describe('device numbers', () => {
  it('are split as glibc does', () => {
    expect(deviceNumbers(0x103)).toEqual({ major: 1, minor: 3 });
    expect(deviceNumbers(0x12345678)).toEqual({ major: 0x456, minor: 0x12378 });
  });
});
