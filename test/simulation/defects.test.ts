/** That the simulation is worth something: it finds each of the classic mistakes. */
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { checkFits, DEFECTS } from './defects.ts';
import { runPool } from './pool.ts';

/** Some need a rare order of events: one seed in several hundred has it. */
const MAX_SEEDS = 8000;

describe('the core made wrong on purpose', () => {
  it.each(DEFECTS.map((defect) => [defect.what, defect] as const))('is found out when %s', async (_what, defect) => {
    checkFits(defect);
    const { findings } = await runPool({
      workers: availableParallelism(),
      nodes: undefined,
      defect: defect.name,
      firstSeed: 1,
      seeds: MAX_SEEDS,
      goOn: (soFar) => soFar.findings.length === 0,
    });
    expect(findings.length).toBeGreaterThan(0);
    for (const { kind } of findings) expect(defect.breaks).toContain(kind);
  });

  it('is refused when it no longer is what the defect was made for', () => {
    const [defect] = DEFECTS;
    if (defect === undefined) throw new Error('there are no defects');
    expect(() => checkFits({ ...defect, right: 'raft.vote = nobody;' })).toThrow(
      'does not fit manager/raft/election.ts',
    );
    expect(() => checkFits({ ...defect, right: 'raft' })).toThrow('has to contain this once');
  });
});
