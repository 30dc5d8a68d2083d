/** The core in trouble, from 10,000 seeds; and that a seed brings everything back. */
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { FAULT_NAMES } from './fault-names.ts';
import { runPool } from './pool.ts';
import { currentCommit, describeFinding, describeTotal } from './report.ts';
import { run } from './run.ts';

const SEEDS = 10_000;

/** What has to have been met, for the seeds to be worth something. */
const MET = [
  ...FAULT_NAMES.map((name) => `fault: ${name}`),
  'fault: ambush',
  'changes asked for',
  'transfers asked for',
  'crashes that lost writes',
  'torn writes',
  'messages lost',
  'snapshots taken',
  'snapshots installed',
  'elections',
  'writes',
  'reads',
];

describe('a cluster in trouble', () => {
  it(`keeps its promises and gets well again, with each of ${SEEDS} seeds`, async () => {
    const begin = performance.now();
    const workers = availableParallelism();
    const options = { workers, nodes: undefined, defect: undefined, firstSeed: 1, seeds: SEEDS, goOn: () => true };
    const total = await runPool(options);
    process.stdout.write(`${describeTotal(total, (performance.now() - begin) / 1000)}\n`);
    const commit = currentCommit();
    expect(total.findings.map((finding) => describeFinding(finding, commit, undefined))).toEqual([]);
    expect(total.seeds).toBe(SEEDS);
    expect(MET.filter((name) => (total.tally.get(name) ?? 0) < 1000)).toEqual([]);
  });
});

describe('a seed', () => {
  function traceOf(seed: number, nodes?: number): string[] {
    const lines: string[] = [];
    run({ seed, nodes, trace: (line) => lines.push(line) });
    return lines;
  }

  it.each([1, 2, 3, 4])('%i gives the same run again, step by step', (seed) => {
    const trace = traceOf(seed);
    expect(trace.length).toBeGreaterThan(100);
    expect(traceOf(seed)).toEqual(trace);
  });

  it('gives another run with another number of nodes', () => {
    expect(traceOf(1, 3)[0]).toContain('"nodes":3');
    expect(traceOf(1, 7)[0]).toContain('"nodes":7');
  });

  it('gives the same run whether it is watched or not', () => {
    const [watched, unwatched] = [run({ seed: 5, trace: () => undefined }), run({ seed: 5 })];
    expect(unwatched).toEqual(watched);
  });
});
