/** Some seeds, one after the other. */
import type { Batch, BatchResult } from './pool.ts';
import { type Finding, run } from './run.ts';
import { addTally, type Tally } from './tally.ts';

export function runBatch({ first, last }: Batch, nodes: number | undefined): BatchResult {
  const tally: Tally = new Map();
  const findings: Finding[] = [];
  let steps = 0;
  for (let seed = first; seed <= last; seed += 1) {
    const result = run({ seed, nodes });
    steps += result.steps;
    addTally(tally, result.tally);
    if (result.finding !== undefined) findings.push(result.finding);
  }
  return { seeds: last - first + 1, steps, tally, findings };
}
