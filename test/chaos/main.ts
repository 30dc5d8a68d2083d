/**
 * `npm run chaos`: managers on hosts of their own, clients that write and read through all of them, and faults. Exits
 * with 1 when anything acknowledged is lost, a history isn't linearizable, or the managers' states differ. The faults
 * come from the seed; when they meet what, the machine decides. Interrupted, it heals and judges what it has so far.
 */
import { parseArgs } from 'node:util';
import { type ChaosReport, runChaos } from './chaos.ts';

const print = (line: string) => void process.stdout.write(`${line}\n`);

function printReport({ registers, faults, leaderChanges, longestSilenceMs, index, failures }: ChaosReport): void {
  const operations = registers.flatMap(({ history }) => history);
  const writes = operations.filter(({ kind }) => kind === 'write');
  const unknown = writes.filter(({ returnedMs }) => returnedMs === undefined).length;
  const kinds = [...faults].map(([kind, count]) => `${kind} ${count}`);
  print(`operations: ${operations.length} on ${registers.length} registers`);
  print(`  writes: ${writes.length - unknown} acknowledged, ${unknown} of unknown end`);
  print(`  reads: ${operations.length - writes.length}`);
  print(`faults: ${[...faults.values()].reduce((sum, count) => sum + count, 0)} (${kinds.join(', ')})`);
  print(`leader changes: ${leaderChanges}`);
  print(`longest time without an acknowledged write: ${(longestSilenceMs / 1000).toFixed(1)} s`);
  if (index !== undefined) print(`states compared after entry ${index}`);
  for (const failure of failures) print(`FAILED: ${failure}`);
  if (failures.length === 0) print('all linearizable, nothing acknowledged lost, all states equal');
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (number > 0) return number;
  throw new Error(`--${name} must be a number above 0, not "${text}"`);
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32) + 1) },
    managers: { type: 'string', default: '5' },
    logs: { type: 'string' },
  },
});
const seed = positive('seed', values.seed);
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());
print(`seed: ${seed}`);
const report = await runChaos(
  {
    seed,
    managers: positive('managers', values.managers),
    durationMs: positive('minutes', values.minutes) * 60_000,
    logs: values.logs,
    print: (line) => print(`${new Date().toISOString()} ${line}`),
  },
  interrupted.signal,
);
printReport(report);
if (report.failures.length > 0) process.exitCode = 1;
// As a shell has it: 128 and the number of SIGINT.
else if (interrupted.signal.aborted) process.exitCode = 130;
