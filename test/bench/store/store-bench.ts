/**
 * A manager with 100,000 tasks: what the store takes, how long snapshots and the loops' work hold up everything else, and
 * how a manager starts with it. Each part runs in a process of its own, with the flags that managers have.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { MANAGER_FLAGS } from '../../../agent/cluster/manager-flags.ts';

const PARTS = [
  ['state-bench.ts', 'typical'],
  ['state-bench.ts', 'small'],
  ['loops-bench.ts', 'typical'],
  ['loops-bench.ts', 'small'],
  ['start-bench.ts'],
  ['log-size-bench.ts'],
] as const;

for (const [program, ...words] of PARTS) {
  const argv = [...MANAGER_FLAGS, join(import.meta.dirname, program), ...words];
  const { status } = spawnSync(process.execPath, argv, { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
