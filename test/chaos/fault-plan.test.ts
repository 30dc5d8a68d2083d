import { describe, expect, it } from 'vitest';
import { Random } from '../simulation/prng.ts';
import { deafness, FAULT_KINDS, type Fault, planFaults } from './fault-plan.ts';

function plan(seed: number, count: number): Fault[] {
  return [...planFaults(new Random(seed), 5).take(count)];
}

const fault = (kind: Fault['kind'], minority: readonly number[]): Fault => ({ kind, minority, holdMs: 1, restMs: 1 });

describe('a plan of faults', () => {
  it('is the same for the same seed, and has every kind', () => {
    expect(plan(1, 30)).toEqual(plan(1, 30));
    expect(plan(1, 30)).not.toEqual(plan(2, 30));
    const kinds = new Set(plan(3, FAULT_KINDS.length).map(({ kind }) => kind));
    expect(kinds).toEqual(new Set(FAULT_KINDS));
  });

  it('leaves a majority', () => {
    const sizes = new Set(plan(1, 100).map(({ minority }) => new Set(minority).size));
    expect(sizes).toEqual(new Set([1, 2]));
  });
});

describe('deafness', () => {
  it.each([
    ['split', { 1: [0, 2], 0: [1], 2: [1] }],
    ['deaf', { 1: [0, 2] }],
    ['mute', { 0: [1], 2: [1] }],
    ['kill', {}],
  ] as const)('of %s', (kind, expected) => {
    expect(Object.fromEntries(deafness(fault(kind, [1]), 3))).toEqual(expected);
  });
});
