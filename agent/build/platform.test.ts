import { expect, it } from 'vitest';
import { checkPlatform } from './platform.ts';

const HOST = { os: 'linux', architecture: 'amd64' };

it.each(['', 'linux', 'linux/amd64', 'amd64', 'x86_64', 'Linux/AMD64', 'linux/amd64/v1', 'linux/amd64, amd64'])(
  'takes %j on a host of linux/amd64',
  (text) => {
    expect(() => checkPlatform(text, HOST)).not.toThrow();
  },
);

it.each(['linux/arm64', 'arm64', 'windows/amd64', 'linux/amd64/v3', 'linux/amd64,linux/arm64'])(
  'refuses %j there, by its name',
  (text) => {
    const foreign = text.split(',').at(-1);
    expect(() => checkPlatform(text, HOST)).toThrow(`building for ${foreign} is not supported on linux/amd64`);
  },
);
