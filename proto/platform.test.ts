import { describe, expect, it } from 'vitest';
import { fitsPlatform, parsePlatform, platformText } from './platform.ts';

describe('a platform', () => {
  it.each([
    ['linux', 'linux'],
    ['linux/amd64', 'linux/amd64'],
    ['Linux/x86_64', 'linux/amd64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
  ])('%s is %s', (text, shown) => {
    const platform = parsePlatform(text);
    expect(platform && platformText(platform)).toBe(shown);
  });

  it.each(['', '/amd64', 'linux/', 'linux/arm/v7', 'linux/amd64/v8', 'linux amd64'])('"%s" is none', (text) => {
    expect(parsePlatform(text)).toBeUndefined();
  });
});

describe('what is for a platform', () => {
  const amd64 = { os: 'linux', architecture: 'x86_64' };

  it.each([
    [{ os: 'linux', architecture: 'amd64' }, true],
    [{ os: 'Linux', architecture: 'X86_64' }, true],
    [{ os: 'linux', architecture: '' }, true],
    [{ os: '', architecture: '' }, true],
    [{ os: 'linux', architecture: 'arm64' }, false],
    [{ os: 'windows', architecture: 'amd64' }, false],
  ])('%j on linux/amd64: %s', (wanted, fits) => {
    expect(fitsPlatform(wanted, amd64)).toBe(fits);
  });

  it('may run where nothing is known of the node', () => {
    expect(fitsPlatform({ os: 'linux', architecture: 'arm64' }, undefined)).toBe(true);
  });
});
