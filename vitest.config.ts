import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { SlowestFirst } from './test/slowest-first.ts';

/** For the daemons that tests start, many of them from source: to strip its types and compile it takes a manager a second. */
const env = { NODE_COMPILE_CACHE: resolve(import.meta.dirname, 'node_modules/.cache/compiled') };

export default defineConfig({
  test: {
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{proto,manager,agent,cli,native}/**/*.test.ts'],
          env,
          // What is waited for comes late on a machine with much to do.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 10_000 } },
          // While one waits for a daemon or a lease, another works; and what one file has imported the next needn't.
          // With three nothing would be left for the simulation.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          isolate: false,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          exclude: ['test/simulation/**'],
          env,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Each makes hosts of its own, and waits for them a third of the time.
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: 900_000,
          // Uses all processors, and beside other tests what these leave: see .ci/test.
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
