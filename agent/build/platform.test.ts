import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { canExecute, parseTargetPlatform } from './platform.ts';

const HOST = { os: 'linux', architecture: 'amd64' };
const ARM = { os: 'linux', architecture: 'arm64' };

describe('the platform to build for', () => {
  it.each(['linux', 'linux/amd64', 'amd64', 'x86_64', 'Linux/AMD64', 'linux/amd64/v1', 'linux/amd64, amd64'])(
    'is the host with %j',
    (text) => {
      expect(parseTargetPlatform(text, HOST)).toEqual(HOST);
    },
  );

  it('is another one, or none', () => {
    for (const text of ['arm64', 'linux/arm64', 'linux/arm64/v8', 'aarch64'])
      expect(parseTargetPlatform(text, HOST)).toEqual(ARM);
    expect(parseTargetPlatform('', HOST)).toBeUndefined();
  });

  it.each(['windows/amd64', 'linux/amd64/v3', 'linux/'])('is not %j', (text) => {
    expect(() => parseTargetPlatform(text, HOST)).toThrow(`building for ${text} is not supported on linux/amd64`);
  });

  it('is not more than one', () => {
    expect(() => parseTargetPlatform('linux/amd64,linux/arm64', HOST)).toThrow(
      'building for linux/amd64 and linux/arm64 at once is not supported',
    );
  });
});

describe('programs of a platform', () => {
  const binfmt = mkdtempSync(join(tmpdir(), 'gantry-binfmt-'));
  afterAll(() => rmSync(binfmt, { recursive: true }));

  it('run on it, on a bigger brother, and where an emulator is registered', () => {
    expect(canExecute(HOST, HOST, binfmt)).toBe(true);
    expect(canExecute({ os: 'linux', architecture: '386' }, HOST, binfmt)).toBe(true);
    expect(canExecute(ARM, HOST, binfmt)).toBe(false);
    writeFileSync(join(binfmt, 'qemu-aarch64'), 'disabled\n');
    expect(canExecute(ARM, HOST, binfmt)).toBe(false);
    writeFileSync(join(binfmt, 'qemu-aarch64'), 'enabled\ninterpreter /usr/bin/qemu-aarch64-static\n');
    expect(canExecute(ARM, HOST, binfmt)).toBe(true);
  });
});
