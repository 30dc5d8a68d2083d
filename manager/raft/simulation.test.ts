/** A failure names the seed, and the seed brings it back. */
import { describe, expect, it } from 'vitest';
import { Simulation } from './simulation.testing.ts';

const SEEDS = Array.from({ length: 60 }, (_, position) => position + 1);

describe('a cluster in trouble', () => {
  it.each(SEEDS)('seed %i: never disagrees, and recovers', (seed) => {
    const simulation = new Simulation(seed, {
      voters: [1, 3, 5][seed % 3] ?? 3,
      spare: [0, 2, 3][Math.floor(seed / 3) % 3] ?? 0,
      asyncStorageWrites: seed % 2 === 0,
      stepDownOnRemoval: seed % 4 < 2,
    });
    simulation.chaos(4000);
    const before = simulation.committed.length;
    simulation.heal();
    simulation.expectAgreement();
    expect(simulation.committed.length).toBeGreaterThan(before);
    expect(simulation.answeredReads).toBeGreaterThan(0);
  });
});
