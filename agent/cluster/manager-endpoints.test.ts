import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { newObjectId } from '../../proto/ids.ts';
import { inTurnOf } from './manager-endpoints.ts';

it('spreads nodes over the managers; each tries all of them, always in the same order', () => {
  const managers = ['m1', 'm2', 'm3'];
  const firsts = new Map<string, number>();
  for (let count = 0; count < 3000; count += 1) {
    const nodeId = newObjectId(randomBytes);
    const turn = inTurnOf(nodeId, managers);
    expect(turn.toSorted()).toEqual(managers);
    expect(inTurnOf(nodeId, managers)).toEqual(turn);
    firsts.set(turn[0] ?? '', (firsts.get(turn[0] ?? '') ?? 0) + 1);
  }
  // Each a third, or nearly.
  for (const manager of managers) expect(firsts.get(manager)).toBeGreaterThan(800);
});

it('has nobody to name where there is no manager', () => {
  expect(inTurnOf('node1', [])).toEqual([]);
});
