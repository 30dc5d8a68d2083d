import { describe, expect, it } from 'vitest';
import { genericResourceTexts, parseGenericReservation, parseGenericResources } from './generic-resource.ts';

describe('what a host has', () => {
  it('is units with names, or a number of them', () => {
    const texts = ['NVIDIA-GPU=UUID1', 'ssd=2', 'NVIDIA-GPU=UUID2', 'fpga = a1 '];
    const resources = parseGenericResources(texts);
    expect(resources).toEqual([
      { kind: 'NVIDIA-GPU', names: ['UUID1', 'UUID2'], count: 0 },
      { kind: 'ssd', names: [], count: 2 },
      { kind: 'fpga', names: ['a1'], count: 0 },
    ]);
    const written = Array.isArray(resources) ? resources.flatMap(genericResourceTexts) : [];
    expect(written).toEqual(['NVIDIA-GPU=UUID1', 'NVIDIA-GPU=UUID2', 'ssd=2', 'fpga=a1']);
  });

  it.each([
    [['gpu'], 'gpu'],
    [['gpu='], 'gpu='],
    [['=2'], '=2'],
    [['gpu=-1'], 'gpu=-1'],
    [['gpu=a,b'], 'gpu=a,b'],
    [['gpu=a=b'], 'gpu=a=b'],
    [['a gpu=b'], 'a gpu=b'],
    [['gpu=a', 'gpu=a'], 'gpu=a'],
    [['gpu=a', 'gpu=2'], 'gpu=2'],
    [['gpu=2', 'gpu=a'], 'gpu=a'],
    [['gpu=2', 'gpu=3'], 'gpu=3'],
  ])('is refused: %j', (texts, text) => {
    expect(parseGenericResources(texts)).toMatchObject({ text, hint: expect.stringMatching(/./) });
  });
});

describe('what a service reserves', () => {
  it('is a number of units', () => {
    expect(parseGenericReservation('NVIDIA-GPU=2')).toEqual({ kind: 'NVIDIA-GPU', count: 2 });
  });

  it.each(['gpu', 'gpu=0', 'gpu=UUID1', 'gpu=-1', 'gpu=1.5', '=1', 'a b=1'])('is refused: %s', (text) => {
    expect(parseGenericReservation(text)).toMatchObject({ text, hint: expect.stringContaining('KIND=COUNT') });
  });
});
