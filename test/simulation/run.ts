/** One run from its seed: trouble, and recovery from it. The same seed gives the same run, step by step. */
import { Administrator } from './administrator.ts';
import { type Invariant, Violation } from './checkers/violation.ts';
import { Client } from './client.ts';
import { Cluster } from './cluster.ts';
import { Faults } from './faults.ts';
import { Random } from './prng.ts';
import { Recovery } from './recovery.ts';
import { drawScenario, type Scenario } from './scenario.ts';
import { count, type Tally } from './tally.ts';
import type { Trace } from './trace.ts';

export interface RunOptions {
  readonly seed: number;
  /** Instead of what the seed says. */
  readonly nodes?: number | undefined;
  readonly trace?: Trace;
}

export interface Finding {
  readonly seed: number;
  readonly nodes: number | undefined;
  readonly step: number;
  /** The promise that was broken, or 'assertion' when the core itself found that something is wrong. */
  readonly kind: Invariant | 'assertion';
  readonly message: string;
  readonly stack: string;
}

export interface RunResult {
  readonly scenario: Scenario;
  readonly steps: number;
  readonly tally: Tally;
  readonly finding: Finding | undefined;
}

/** The scenario has a stream of its own, so that what it says can be changed without changing everything else. */
const SCENARIO_STREAM = 1;
const EVENT_STREAM = 2;

export function run({ seed, nodes, trace }: RunOptions): RunResult {
  const scenario = drawScenario(new Random(seed, SCENARIO_STREAM), nodes);
  trace?.(`seed ${seed}: ${JSON.stringify(scenario)}`);
  const cluster = new Cluster(scenario, new Random(seed, EVENT_STREAM), trace);
  const finding = findTrouble(cluster, (error) => ({ seed, nodes, step: cluster.scheduler.steps, ...explain(error) }));
  count(cluster.tally, 'elections', cluster.checkers.elections);
  count(cluster.tally, 'entries', cluster.checkers.stateMachineSafety.lastIndex);
  return { scenario, steps: cluster.scheduler.steps, tally: cluster.tally, finding };
}

function findTrouble(cluster: Cluster, toFinding: (error: unknown) => Finding): Finding | undefined {
  try {
    const clients = makeTrouble(cluster);
    for (const client of clients) client.end();
    new Recovery(cluster).run();
    return undefined;
  } catch (error) {
    return toFinding(error);
  }
}

function makeTrouble(cluster: Cluster): Client[] {
  const { scenario, scheduler } = cluster;
  const clients = Array.from({ length: scenario.clients }, (_, position) => new Client(position + 1, cluster));
  for (const client of clients) client.start();
  const faults = new Faults(cluster);
  const administrator = new Administrator(cluster);
  faults.start();
  administrator.start();
  while (scheduler.now < scenario.troubleMs && scheduler.step());
  faults.end();
  administrator.end();
  return clients;
}

function explain(error: unknown): Pick<Finding, 'kind' | 'message' | 'stack'> {
  if (!(error instanceof Error)) throw error;
  const kind = error instanceof Violation ? error.invariant : 'assertion';
  return { kind, message: error.message, stack: error.stack ?? '' };
}
