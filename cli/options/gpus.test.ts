import { describe, expect, it } from 'vitest';
import { parseGpus } from './gpus.ts';

describe('--gpus', () => {
  it.each([
    ['all', ['nvidia.com/gpu=all']],
    ['2', ['nvidia.com/gpu=0', 'nvidia.com/gpu=1']],
    ['count=1', ['nvidia.com/gpu=0']],
    ['device=1', ['nvidia.com/gpu=1']],
    ['"device=0,2"', ['nvidia.com/gpu=0', 'nvidia.com/gpu=2']],
    ['"device=GPU-5c1b,amd.com/gpu=0"', ['nvidia.com/gpu=GPU-5c1b', 'amd.com/gpu=0']],
    ['all,driver=nvidia,"capabilities=compute,utility"', ['nvidia.com/gpu=all']],
  ])('%s', (text, expected) => {
    expect(parseGpus(text)).toEqual(expected);
  });

  it.each(['', 'none', '0', '1.5', 'device=', 'device=0,2', 'driver=tpu', 'options=x', '"device=0', '/dev/x'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseGpus(text)).toThrow(`invalid argument "${text}" for --gpus`);
    },
  );
});
