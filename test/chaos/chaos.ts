/** One run: a cluster, clients and faults for a while, and then what became of all that was acknowledged. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../simulation/prng.ts';
import { runClient } from './clients.ts';
import { ChaosCluster } from './cluster.ts';
import { type FaultKind, planFaults } from './fault-plan.ts';
import { readFinally } from './final-reads.ts';
import { LeaderWatch } from './leader-watch.ts';
import { compareStates } from './logs.ts';
import { Nemesis } from './nemesis.ts';
import { type Register, Registers } from './registers.ts';
import { findings, longestSilenceMs } from './verdict.ts';

const CLIENTS_PER_HOST = 2;
/** Streams of chance: the plan's is 0, each client has one after it. */
const PLAN = 0;

export interface ChaosOptions {
  readonly managers: number;
  readonly durationMs: number;
  readonly seed: number;
  readonly print: (line: string) => void;
  /** Where to copy the daemons' logs to, if anywhere. */
  readonly logs?: string | undefined;
}

export interface ChaosReport {
  readonly registers: readonly Register[];
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly leaderChanges: number;
  readonly longestSilenceMs: number;
  /** How far the states were compared; undefined: they could not be. */
  readonly index: number | undefined;
  /** What is wrong: nothing, if all is well. */
  readonly failures: readonly string[];
}

/** Aborting ends the faults early. Leaves nothing behind, also when it rejects. */
export async function runChaos(options: ChaosOptions, signal: AbortSignal): Promise<ChaosReport> {
  const cluster = await ChaosCluster.create(options.managers);
  let report: ChaosReport;
  try {
    await cluster.start();
    report = await judge(cluster, await trouble(cluster, options, signal));
  } finally {
    if (options.logs !== undefined) await cluster.keepLogs(options.logs);
    const left = await cluster.destroy();
    if (left.length > 0) options.print(`left behind: ${left.join('\n')}`);
  }
  return report;
}

type Trouble = Omit<ChaosReport, 'index'>;

/** Clients and faults, until the time is over and all is healed. */
async function trouble(cluster: ChaosCluster, options: ChaosOptions, signal: AbortSignal): Promise<Trouble> {
  const { lan, managers } = cluster;
  const { seed, durationMs, print } = options;
  const registers = new Registers(managers.map(({ nodeId }) => nodeId));
  const watch = new LeaderWatch();
  const leader = () => managers.find(({ nodeId }) => nodeId === watch.leaderId)?.host;
  const nemesis = new Nemesis({ lan, plan: planFaults(new Random(seed, PLAN), lan.hosts.length), leader, print });
  const clients = new AbortController();
  const failures: string[] = [];
  const beginMs = performance.now();
  const asking = startClients(cluster, registers, seed, clients.signal);
  const watching = watch.run(
    lan.hosts.map((host) => cluster.client(host)),
    clients.signal,
  );
  try {
    await nemesis.run(AbortSignal.any([signal, AbortSignal.timeout(durationMs)]));
    await cluster.untilHealed().catch((error: unknown) => failures.push(String(error)));
    // Some more, so that something is written after the last fault, too.
    await sleep(1000);
  } finally {
    clients.abort();
    await Promise.all([...asking, watching]);
  }
  const silenceMs = longestSilenceMs(registers.all, beginMs, performance.now());
  return {
    ...{ registers: registers.all, faults: nemesis.counts, leaderChanges: watch.changes },
    longestSilenceMs: silenceMs,
    failures,
  };
}

function startClients(cluster: ChaosCluster, registers: Registers, seed: number, signal: AbortSignal): Promise<void>[] {
  const numbers = Array.from({ length: cluster.lan.hosts.length * CLIENTS_PER_HOST }, (_, number) => number);
  return numbers.flatMap((number) => {
    const host = cluster.lan.hosts[number % cluster.lan.hosts.length];
    if (host === undefined) return [];
    const random = new Random(seed, PLAN + 1 + number);
    return runClient({ name: `c${number}`, manager: cluster.client(host), registers, random }, signal);
  });
}

async function judge(cluster: ChaosCluster, trouble: Trouble): Promise<ChaosReport> {
  const failures = [...trouble.failures];
  const clients = cluster.lan.hosts.map((host) => cluster.client(host));
  await readFinally(clients, trouble.registers).catch((error: unknown) => failures.push(String(error)));
  failures.push(...findings(trouble.registers));
  await cluster.stop();
  const comparison = await compareStates(cluster.managers).catch((error: unknown) => String(error));
  if (typeof comparison === 'string') return { ...trouble, index: undefined, failures: [...failures, comparison] };
  const { index, hashes } = comparison;
  if (new Set(hashes.values()).size !== 1) {
    const lines = [...hashes].map(([name, hash]) => `  ${name} ${hash}`);
    failures.push(`the states after entry ${index} differ:\n${lines.join('\n')}`);
  }
  return { ...trouble, index, failures };
}
