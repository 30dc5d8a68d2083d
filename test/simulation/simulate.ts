/**
 * `npm run simulate -- --seed N [--trace]`, `--seeds A..B` or `--minutes M`; with `--nodes N` instead of what the seed
 * says, `--defect NAME` in a core made wrong on purpose, `--workers N` threads. Ends with 1 when something was found.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { defectNamed, install } from './defects.ts';
import { type BatchResult, runPool } from './pool.ts';
import { currentCommit, describeFinding, describeProgress, describeTotal } from './report.ts';

const PROGRESS_MS = 60_000;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    nodes: { type: 'string' },
    defect: { type: 'string' },
    workers: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const nodes = values.nodes === undefined ? undefined : integer('nodes', values.nodes);
const { defect } = values;
if (defect !== undefined) defectNamed(defect);

const begin = performance.now();
const result = values.seed === undefined ? await runMany() : await runOne(integer('seed', values.seed));
print(describeTotal(result, seconds()));
process.exitCode = result.findings.length === 0 ? 0 : 1;

/** In this thread, so that a debugger can follow. */
async function runOne(seed: number): Promise<BatchResult> {
  if (defect !== undefined) install(defectNamed(defect));
  // Loads the core, and so comes after that.
  const { run } = await import('./run.ts');
  const { steps, tally, finding } = run({ seed, nodes, trace: values.trace ? print : undefined });
  const findings = finding === undefined ? [] : [finding];
  for (const found of findings) print(describeFinding(found, currentCommit(), defect));
  return { seeds: 1, steps, tally, findings };
}

/** What is found is printed at once: a run may be long, and be ended at any time. */
async function runMany(): Promise<BatchResult> {
  const workers = values.workers === undefined ? availableParallelism() : integer('workers', values.workers);
  const [firstSeed, seeds] = seedRange();
  const end = begin + Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  const commit = currentCommit();
  print(`from seed ${firstSeed}, at commit ${commit}`);
  let nextProgress = begin + PROGRESS_MS;
  return runPool({
    workers,
    nodes,
    defect,
    firstSeed,
    seeds,
    onFinding: (finding) => print(describeFinding(finding, commit, defect)),
    goOn: (soFar) => {
      const now = performance.now();
      if (now >= nextProgress) {
        nextProgress += PROGRESS_MS;
        print(describeProgress(soFar, seconds()));
      }
      return now < end;
    },
  });
}

/** The first seed, and how many. With --minutes alone: other ones each time. */
function seedRange(): [number, number] {
  if (values.seeds === undefined) {
    if (values.minutes === undefined) throw new Error('say which seeds: --seed N, --seeds A..B or --minutes M');
    return [Date.now(), Number.MAX_SAFE_INTEGER];
  }
  const [first = '', last = first] = values.seeds.split('..');
  return [integer('seeds', first), integer('seeds', last) - integer('seeds', first) + 1];
}

function integer(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${name} takes a whole number, not "${text}"`);
  return number;
}

function seconds(): number {
  return (performance.now() - begin) / 1000;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
