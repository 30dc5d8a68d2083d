import { describe, expect, it } from 'vitest';
import { chooseFor, fits, parseTargetPlatforms, platformName, readPlatform, requirePlatformOn } from './platform.ts';

const HOST = { os: 'linux', architecture: 'amd64' };
const ARM = { os: 'linux', architecture: 'arm64' };

/** As it is written, for which it must be one. */
const platform = (text: string) => requirePlatformOn(text, HOST);

describe('a platform as it is written', () => {
  it.each([
    ['linux', 'linux/amd64'],
    ['local', 'linux/amd64'],
    ['amd64', 'linux/amd64'],
    ['x86_64', 'linux/amd64'],
    ['Linux/AMD64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/8', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/v6', 'linux/arm/v6'],
    ['linux/riscv64', 'linux/riscv64'],
  ])('%j is %s', (text, name) => {
    expect(platformName(platform(text))).toBe(name);
  });

  it.each(['windows/amd64', 'linux/', 'linux/amd64/v9', 'linux/s390x/v1', 'linux/arm/v7/x', '', 'a b'])(
    'is not %j',
    (text) => {
      expect(readPlatform(text, HOST)).toBeUndefined();
    },
  );
});

describe('the platforms to build for', () => {
  it('are as many as are written, each once and in their order', () => {
    expect(parseTargetPlatforms('', HOST)).toEqual([]);
    expect(parseTargetPlatforms('arm64, linux/amd64,linux/arm64/v8', HOST)).toEqual([ARM, HOST]);
  });

  it('are of Linux', () => {
    expect(() => parseTargetPlatforms('linux/amd64,windows/amd64', HOST)).toThrow(
      'building for windows/amd64 is not supported on linux/amd64',
    );
  });
});

describe('what will do', () => {
  it.each([
    ['linux/amd64', 'linux/amd64', true],
    ['linux/arm64', 'linux/amd64', false],
    ['linux/arm/v6', 'linux/arm/v7', true],
    ['linux/arm/v7', 'linux/arm/v6', false],
    ['linux/amd64/v3', 'linux/amd64', true],
    ['linux/amd64/v3', 'linux/amd64/v2', false],
  ])('%s for %s: %s', (own, wanted, expected) => {
    expect(fits(platform(own), platform(wanted))).toBe(expected);
  });

  it('says nothing, or says it as the kernel does', () => {
    expect(fits({ os: '', architecture: '' }, HOST)).toBe(true);
    expect(fits({ os: 'linux', architecture: 'x86_64' }, HOST)).toBe(true);
    expect(fits({ os: 'linux', architecture: 'arm' }, platform('linux/arm/v7'))).toBe(true);
  });

  it('is the nearest of several', () => {
    const choose = (wanted: string, ...own: string[]) => chooseFor(own, platform, platform(wanted));
    expect(choose('linux/arm/v7', 'linux/arm64', 'linux/arm/v5', 'linux/arm/v6')).toBe('linux/arm/v6');
    expect(choose('linux/amd64', 'linux/amd64/v3', 'linux/amd64/v2')).toBe('linux/amd64/v2');
    expect(choose('linux/amd64', 'linux/amd64/v2', 'linux/amd64')).toBe('linux/amd64');
    expect(choose('linux/s390x', 'linux/amd64', 'linux/arm64')).toBeUndefined();
    expect(chooseFor([undefined, ARM], (one) => one, ARM)).toBe(ARM);
    expect(chooseFor([undefined, ARM], (one) => one, HOST)).toBeUndefined();
  });
});
