import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { canExecute, refuseForeign } from './emulation.ts';

const HOST = { os: 'linux', architecture: 'amd64' };
const ARM = { os: 'linux', architecture: 'arm64' };

/** As the kernel shows one of qemu-user-static. */
function entry(machine: string, flags: string, state = 'enabled'): string {
  return [
    state,
    'interpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P',
    `flags: ${flags}`,
    'offset 0',
    `magic 7f454c460201010000000000000000000200${machine}`,
    'mask ffffffffffffff00fffffffffffffffffeffffff',
    '',
  ].join('\n');
}

describe('programs of a platform', () => {
  const binfmt = mkdtempSync(join(tmpdir(), 'gantry-binfmt-'));
  const register = (text: string) => writeFileSync(join(binfmt, 'some-name'), text);
  beforeEach(() => {
    rmSync(join(binfmt, 'some-name'), { force: true });
    writeFileSync(join(binfmt, 'register'), '');
    writeFileSync(join(binfmt, 'status'), 'enabled\n');
  });
  afterAll(() => rmSync(binfmt, { recursive: true }));

  it('run on it, whatever the variant, and on a bigger brother', () => {
    expect(canExecute(HOST, HOST, binfmt)).toBe(true);
    expect(canExecute({ ...HOST, variant: 'v3' }, HOST, binfmt)).toBe(true);
    expect(canExecute({ os: '', architecture: '' }, HOST, binfmt)).toBe(true);
    expect(canExecute({ os: 'linux', architecture: '386' }, HOST, binfmt)).toBe(true);
    expect(canExecute({ os: 'windows', architecture: 'amd64' }, HOST, binfmt)).toBe(false);
  });

  it('run where the kernel holds an interpreter for them open', () => {
    expect(canExecute(ARM, HOST, binfmt)).toBe(false);
    register(entry('b700', 'POCF'));
    expect(canExecute(ARM, HOST, binfmt)).toBe(true);
    expect(canExecute({ os: 'linux', architecture: 'aarch64' }, HOST, binfmt)).toBe(true);
  });

  it.each([
    ['is disabled', entry('b700', 'POCF', 'disabled')],
    ['is looked for in the container', entry('b700', 'POC')],
    ['is for others', entry('f300', 'F')],
    ['goes by the name of a file', 'enabled\ninterpreter /x\nflags: F\nextension .aa\n'],
    ['is for scripts', 'enabled\ninterpreter /x\nflags: F\noffset 0\nmagic 2321\n'],
  ])('do not where it %s', (_, text) => {
    register(text);
    expect(canExecute(ARM, HOST, binfmt)).toBe(false);
  });

  it('are refused by name, with what to do', () => {
    expect(() => refuseForeign('busybox', { os: 'linux', architecture: 'sparc64' }, HOST)).toThrow(
      'busybox: this host is linux/amd64 and cannot run programs of linux/sparc64',
    );
  });
});
