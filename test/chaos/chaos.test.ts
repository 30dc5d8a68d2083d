/** Three managers under faults for a short while; `npm run chaos` does the same for longer, with five. */
import { expect, it } from 'vitest';
import { runChaos } from './chaos.ts';

const DURATION_MS = 35_000;

it('keeps all it acknowledged under faults, in the order it was seen', { timeout: 300_000 }, async () => {
  const seen: string[] = [];
  const options = { managers: 3, durationMs: DURATION_MS, seed: 1, print: (line: string) => void seen.push(line) };
  const report = await runChaos(options, new AbortController().signal);
  expect(report.failures, seen.join('\n')).toEqual([]);
  expect(report.faults.size).toBeGreaterThan(2);
  expect(seen.filter((line) => line.startsWith('left behind'))).toEqual([]);
});
