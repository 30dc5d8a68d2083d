/**
 * Three managers and 1,000 agents, with the real protocol over mutual TLS: how long tasks take from their creation to their
 * agents while 30,000 are deployed and when all run; what becomes of those of a node that falls silent; and what the leader
 * takes for it. As it runs on one machine, the agents' processes take their share of the same processors.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { unary } from '../../../proto/client.ts';
import type { ServiceScaleResponse, StackDeployResponse } from '../../../proto/generated/gantry/v1/control.ts';
import { NodeRole } from '../../../proto/generated/gantry/v1/types.ts';
import { until } from '../../lab/until.ts';
import { quantile } from '../statistics.ts';
import { AgentFleet } from './agent-fleet.ts';
import { benchStack, type StackKind, serviceIn } from './bench-stack.ts';
import { ManagerProcesses } from './manager-processes.ts';
import { ProcessMeter, readingsText } from './process-readings.ts';

const MANAGERS = 3;
const NODES = Number(process.env.GANTRY_BENCH_NODES ?? 1000);
const TASKS = NODES * 30;
const REPLICAS = 100;
const IDLE_MS = 10_000;
const SCALED_BY = 10;
const SCALINGS = 100;
const PATIENCE_MS = 300_000;
const print = (line: string) => process.stdout.write(`${line}\n`);

class ClusterBench {
  readonly #managers: ManagerProcesses;
  readonly #kind: StackKind;
  readonly #fleets: AgentFleet[] = [];
  #meter: ProcessMeter | undefined;

  constructor(managers: ManagerProcesses, kind: StackKind) {
    this.#managers = managers;
    this.#kind = kind;
  }

  async run(): Promise<void> {
    await this.#join();
    const { pid, metricsAddress } = await this.#managers.leader();
    this.#meter = new ProcessMeter(pid, metricsAddress);
    await this.#idle('  idle, no tasks');
    await this.#deploy();
    await this.#idle(`  idle, ${TASKS} tasks`);
    await this.#scale();
    await this.#loseNode();
    if ((await this.#managers.leader()).pid !== pid)
      print('  another manager leads by now: what is said of it is not of one');
  }

  async stop(): Promise<void> {
    for (const fleet of this.#fleets) await fleet.stop();
  }

  async #join(): Promise<void> {
    const token = await this.#managers.token(NodeRole.WORKER);
    const manager = this.#managers.first.address;
    const first = Math.ceil((NODES - 1) / 2);
    // The last is the node that will fall silent.
    const sizes = [first, NODES - 1 - first, 1];
    let firstNumber = 0;
    for (const agents of sizes) {
      this.#fleets.push(AgentFleet.start({ agents, firstNumber, manager, token }));
      firstNumber += agents;
    }
    const times = await Promise.all(this.#fleets.map(({ joinedMs }) => joinedMs));
    await until('all sessions', () => this.#sum(({ connected }) => connected) === NODES, PATIENCE_MS);
    print(`  join       ${NODES} nodes have certificates after ${(Math.max(...times) / 1000).toFixed(1)} s`);
  }

  async #idle(name: string): Promise<void> {
    await sleep(2000);
    await this.#begin();
    await sleep(IDLE_MS);
    print(`${name}: ${await this.#leaderText()}`);
    this.#take();
  }

  async #deploy(): Promise<void> {
    await this.#begin();
    const beginMs = performance.now();
    for (let number = 0; number * REPLICAS < TASKS; number += 1) await this.#create(number);
    const acceptedMs = performance.now() - beginMs;
    await until('all tasks to run', () => this.#sum(({ running }) => running) === TASKS, PATIENCE_MS);
    const seconds = (performance.now() - beginMs) / 1000;
    const rate = Math.round(TASKS / seconds);
    print(
      `  deploy     ${TASKS} tasks of ${TASKS / REPLICAS} stacks run after ${seconds.toFixed(1)} s, ${rate}/s (accepted after ${(acceptedMs / 1000).toFixed(1)} s; at most ${this.#mostOnOne()} on a node)`,
    );
    await this.#tell();
  }

  async #scale(): Promise<void> {
    await this.#begin();
    const before = this.#sum(({ running }) => running);
    for (let count = 1; count <= SCALINGS; count += 1) {
      const replicas = { [serviceIn(0)]: REPLICAS + count * SCALED_BY };
      const { control } = this.#managers;
      await untilTaken(() => unary<ServiceScaleResponse>((done) => control.serviceScale({ replicas }, done)));
      const wanted = before + count * SCALED_BY;
      await until('the further tasks', () => this.#sum(({ running }) => running) === wanted, PATIENCE_MS);
    }
    print(`  scale      a service by ${SCALED_BY} tasks, ${SCALINGS} times`);
    await this.#tell();
  }

  /** From when it stops until the last of its tasks has come to another node. */
  async #loseNode(): Promise<void> {
    const lost = this.#fleets.at(-1);
    if (lost === undefined) throw new Error('there is no node');
    await this.#begin();
    const tasks = lost.running;
    const beginMs = performance.now();
    lost.freeze();
    await until('its tasks to be elsewhere', () => this.#sum(({ arrived }) => arrived) >= tasks, 60_000);
    const seconds = (performance.now() - beginMs) / 1000;
    print(`  node lost  its ${tasks} tasks are on other nodes ${seconds.toFixed(1)} s after it fell silent`);
    await this.#tell();
  }

  async #create(number: number): Promise<void> {
    const stack = benchStack(number, REPLICAS, this.#kind);
    const request = { stack, prune: false, dryRun: false };
    const { control } = this.#managers;
    await untilTaken(() => unary<StackDeployResponse>((done) => control.stackDeploy(request, done)));
  }

  async #begin(): Promise<void> {
    await this.#meter?.begin();
    this.#take();
  }

  async #tell(): Promise<void> {
    const leader = await this.#leaderText();
    const { arrivalsMs, longestDelayMs, broken } = this.#take();
    const [p50, p99] = [quantile(arrivalsMs, 0.5), quantile(arrivalsMs, 0.99)];
    print(
      `    created → seen by the agent: ${p50.toFixed(0)} ms p50, ${p99.toFixed(0)} ms p99, ${Math.max(...arrivalsMs)} ms at most (the agents' own event loops: late by up to ${longestDelayMs.toFixed(0)} ms)`,
    );
    print(`    ${leader}`);
    if (broken > 0) print(`    sessions that broke off: ${broken}`);
  }

  async #leaderText(): Promise<string> {
    return this.#meter === undefined ? '' : readingsText(await this.#meter.read());
  }

  #take() {
    const all = this.#fleets.map((fleet) => fleet.take());
    return {
      arrivalsMs: all.flatMap(({ arrivalsMs }) => arrivalsMs),
      longestDelayMs: Math.max(...all.map(({ longestDelayMs }) => longestDelayMs)),
      broken: all.reduce((sum, { broken }) => sum + broken, 0),
    };
  }

  #mostOnOne(): number {
    return Math.max(...this.#fleets.map(({ mostOnOne }) => mostOnOne));
  }

  #sum(of: (fleet: AgentFleet) => number): number {
    return this.#fleets.reduce((sum, fleet) => sum + of(fleet), 0);
  }
}

/** On a machine that is too busy for it the leader may change meanwhile; each request may be made again. */
async function untilTaken(request: () => Promise<object>): Promise<void> {
  await until('the request to be taken', request);
}

async function bench(kind: StackKind): Promise<void> {
  print(`${MANAGERS} managers, ${NODES} agents with a heartbeat each second, services ${kind}:`);
  const dir = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
  try {
    const managers = await ManagerProcesses.start(dir, MANAGERS);
    const cluster = new ClusterBench(managers, kind);
    try {
      await cluster.run();
    } finally {
      await cluster.stop();
      await managers.stop();
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

// What it has started is in no group that the terminal's signals reach.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const [, , word] = process.argv;
if (word !== 'networks') await bench('without networks');
if (word !== 'plain') await bench('with a network each');
