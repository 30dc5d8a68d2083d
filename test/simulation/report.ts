/** What a run has found, in words, with the command that brings it back. */
import { spawnSync } from 'node:child_process';
import type { BatchResult } from './pool.ts';
import type { Finding } from './run.ts';

/** The commit that was run, as a seed only means the same with the same code. */
export function currentCommit(): string {
  const { status, stdout } = spawnSync('git', ['describe', '--always', '--abbrev=12', '--dirty'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : 'unknown';
}

export function replayCommand({ seed, nodes }: Finding, defect: string | undefined): string {
  return [
    `npm run simulate -- --seed ${seed}`,
    ...(nodes === undefined ? [] : [`--nodes ${nodes}`]),
    ...(defect === undefined ? [] : [`--defect ${defect}`]),
    '--trace',
  ].join(' ');
}

export function describeFinding(finding: Finding, commit: string, defect: string | undefined): string {
  const { seed, step, kind, message, stack } = finding;
  return [
    `seed ${seed}, step ${step}: ${kind}: ${message}`,
    `  at commit ${commit}; again with: ${replayCommand(finding, defect)}`,
    // A broken promise says it all; of a failed assertion one wants to know where.
    ...(kind === 'assertion' ? stack.split('\n').slice(1, 6) : []),
  ].join('\n');
}

export function describeProgress({ seeds, steps, findings }: BatchResult, seconds: number): string {
  const perSecond = Math.round(steps / seconds);
  return `${seeds} seeds, ${steps} steps in ${seconds.toFixed(1)} s (${perSecond} steps/s), ${findings.length} findings`;
}

export function describeTotal(total: BatchResult, seconds: number): string {
  const met = [...total.tally].sort(([one], [other]) => (one < other ? -1 : 1));
  return [`${describeProgress(total, seconds)}; met:`, ...met.map(([name, times]) => `  ${name}: ${times}`)].join('\n');
}
