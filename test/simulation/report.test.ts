import { describe, expect, it } from 'vitest';
import { describeFinding, describeProgress, replayCommand } from './report.ts';
import type { Finding } from './run.ts';

const FINDING: Finding = {
  seed: 42,
  nodes: undefined,
  step: 7,
  kind: 'election safety',
  message: 'term 2 has two leaders: 1 and 3',
  stack: 'Error\n    at somewhere',
};

describe('the command that replays a finding', () => {
  it('has all that the run depended on', () => {
    expect(replayCommand(FINDING, undefined)).toBe('npm run simulate -- --seed 42 --trace');
    expect(replayCommand({ ...FINDING, nodes: 5 }, 'vote-twice')).toBe(
      'npm run simulate -- --seed 42 --nodes 5 --defect vote-twice --trace',
    );
  });
});

describe('a finding', () => {
  it('is told with its seed, its step, the commit, and how to see it again', () => {
    expect(describeFinding(FINDING, 'abc123', undefined).split('\n')).toEqual([
      'seed 42, step 7: election safety: term 2 has two leaders: 1 and 3',
      '  at commit abc123; again with: npm run simulate -- --seed 42 --trace',
    ]);
  });

  it("says where the core's own check has failed", () => {
    expect(describeFinding({ ...FINDING, kind: 'assertion' }, 'abc123', undefined)).toContain('at somewhere');
  });
});

describe('progress', () => {
  it('has seeds, steps, speed and findings', () => {
    const soFar = { seeds: 10, steps: 5000, tally: new Map(), findings: [FINDING] };
    expect(describeProgress(soFar, 2)).toBe('10 seeds, 5000 steps in 2.0 s (2500 steps/s), 1 findings');
  });
});
