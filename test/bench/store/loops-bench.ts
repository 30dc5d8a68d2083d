/**
 * All that a leading manager does, on a real log with 100,000 tasks and an agent for each of 100 nodes: how long it holds
 * up the event loop to begin, to take a status from an agent, and to scale a service. Heartbeats and Raft's ticks are what
 * would wait meanwhile.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import pino from 'pino';
import { serviceScale } from '../../../manager/api/services.ts';
import { systemClock } from '../../../manager/clock.ts';
import { LiveIdentity } from '../../../manager/identity.ts';
import { LeadershipRunner, type Term } from '../../../manager/leadership.ts';
import { NO_METRICS } from '../../../manager/metrics/manager-metrics.ts';
import { aloneOptions } from '../../../manager/replication/alone.testing.ts';
import { openReplicatedLog } from '../../../manager/replication/open.ts';
import { StoreState } from '../../../manager/store/state.ts';
import { Store } from '../../../manager/store/store.ts';
import { hasEnded, isWanted, type TaskObject } from '../../../manager/store/task.ts';
import type { SessionRequest, SessionResponse } from '../../../proto/generated/gantry/v1/dispatcher.ts';
import { type Task, TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { identityDir } from '../../../proto/identity-files.ts';
import { until } from '../../lab/until.ts';
import { SIZE } from './fleet.ts';
import { makeLog } from './make-log.ts';
import { measured, pausesText } from './pause-meter.ts';

let snapshots = 0;
/** Shows what is wrong, and counts the snapshots that are said to be on disk. */
const logger = pino(
  { level: 'info' },
  {
    write: (line: string) => {
      if (line.includes('"snapshot taken')) snapshots += 1;
      else if (!line.includes('"level":30')) process.stderr.write(line);
    },
  },
);
/** More entries than all but the last measurement make. */
const LIMITS = { maxEntries: 2000, maxBytes: 2 ** 30 };
const KIND = process.argv[2] === 'small' ? 'small' : 'typical';
const print = (line: string) => process.stdout.write(`${line}\n`);

/** An agent that starts and stops tasks as it is told, in no time. */
class InstantAgent {
  readonly #requests: SessionRequest[] = [];
  #wake: () => void = () => undefined;

  constructor(nodeId: string) {
    this.#say({ $case: 'hello', value: { nodeId, address: '192.0.2.1', description: undefined } as never });
  }

  async run({ dispatcher }: Term, signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    const caller = { kind: 'administrator', forwarded: false } as const;
    try {
      for await (const response of dispatcher.session(this.#spoken(signal), signal, caller)) this.#hear(response);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  report(task: Task, state: TaskState): void {
    const status = { ...task.status, state, timestampMs: Date.now() } as NonNullable<Task['status']>;
    const addresses = (task.spec?.networks ?? []).map(({ target }) => ({ networkId: target, address: '10.192.0.9' }));
    const update = { taskId: task.id, status: { ...status, addresses } };
    this.#say({ $case: 'statuses', value: { updates: [update] } });
  }

  #hear({ message }: SessionResponse): void {
    if (message?.$case !== 'assignments') return;
    for (const { item, removed } of message.value.changes) {
      if (item?.$case !== 'task' || removed || item.value.status === undefined) continue;
      const { desiredState, status } = item.value;
      if (desiredState > TaskState.RUNNING && status.state <= TaskState.RUNNING) {
        this.report(item.value, TaskState.SHUTDOWN);
      } else if (status.state < TaskState.RUNNING) this.report(item.value, TaskState.RUNNING);
    }
  }

  #say(message: SessionRequest['message']): void {
    this.#requests.push({ message });
    this.#wake();
  }

  async *#spoken(signal: AbortSignal): AsyncGenerator<SessionRequest> {
    while (!signal.aborted) {
      yield* this.#requests.splice(0);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (signal.aborted || this.#requests.length > 0) resolve();
      });
    }
  }
}

async function openManager(dir: string) {
  const state = new StoreState(logger);
  const log = await openReplicatedLog(
    aloneOptions(join(dir, 'manager'), state, { logger, snapshotLimits: LIMITS }),
    new AbortController().signal,
  );
  const store = new Store(state, log, systemClock);
  const identity = new LiveIdentity(identityDir(dir), logger);
  const leadership = new LeadershipRunner({
    ...{ store, log, logger, identity, nodeId: 'node1', clock: systemClock, random: randomBytes, hasKeys: true },
    heartbeatPeriodMs: 600_000,
    nodeDownGraceMs: 600_000,
    askPeers: async () => [],
    metrics: NO_METRICS,
  });
  return { store, log, leadership };
}

/** Certificates and all that only the first leader of a cluster makes. */
async function beginCluster(dir: string): Promise<void> {
  const { log, leadership } = await openManager(dir);
  const over = new AbortController();
  const running = leadership.run(over.signal);
  await leadership.term(over.signal);
  over.abort();
  await running;
  await log.close();
}

async function run(dir: string): Promise<void> {
  await beginCluster(dir);
  await makeLog(join(dir, 'manager'), { ...SIZE, kind: KIND });
  const over = new AbortController();
  const opened = await measured(() => openManager(dir));
  print(`  open       ${opened.ms.toFixed(0)} ms from the log to a state; ${pausesText(opened.pauses)}`);
  const { store, log, leadership } = opened.result;
  const begun = await measured(async () => {
    const running = leadership.run(over.signal);
    return { running, term: await leadership.term(over.signal) };
  });
  print(`  lead       answers after ${begun.ms.toFixed(0)} ms; ${pausesText(begun.pauses)}`);
  const { running, term } = begun.result;

  const nodes = store.view((read) => read.find('node', { by: 'all' })).filter(({ id }) => id !== 'node1');
  const agents = new Map(nodes.map(({ id }) => [id, new InstantAgent(id)]));
  const sessions: Promise<void>[] = [];
  const joined = await measured(async () => {
    for (const agent of agents.values()) sessions.push(agent.run(term, over.signal));
    await quiet(store);
  });
  print(`  sessions   ${agents.size} agents told all in ${joined.ms.toFixed(0)} ms; ${pausesText(joined.pauses)}`);

  await measureStatus(store, agents);
  await measureScale(term, store, 'stack1', 20);
  // Its network has room for so many.
  await measureScale(term, store, 'stack0', 2000);
  await measureCheckpoint(store, agents);
  over.abort();
  await Promise.allSettled([running, ...sessions]);
  await log.close();
}

/** Until nothing is committed any more for a while. */
async function quiet(store: Store): Promise<void> {
  let [revision, sinceMs] = [store.revision, performance.now()];
  await until(
    'nothing to be left to do',
    () => {
      if (store.revision !== revision) [revision, sinceMs] = [store.revision, performance.now()];
      return performance.now() - sinceMs > 500;
    },
    120_000,
  );
}

async function measureStatus(store: Store, agents: ReadonlyMap<string, InstantAgent>): Promise<void> {
  const tasks = store.view((read) => read.find('task', { by: 'all' })).filter((_, position) => position % 1000 === 0);
  const reported = await measured(async () => {
    for (const task of tasks) {
      const { revision } = store;
      agents.get(task.nodeId)?.report(withMessage(task, 'as it should be'), TaskState.RUNNING);
      await until('the status', () => store.revision > revision);
    }
    await quiet(store);
  });
  print(`  status     ${tasks.length} status updates, one at a time; ${pausesText(reported.pauses)}`);
  const failed = await measured(async () => {
    for (const task of tasks) agents.get(task.nodeId)?.report(withMessage(task, 'as it should be'), TaskState.FAILED);
    await quiet(store);
  });
  print(`  failures   ${tasks.length} tasks fail at once and are replaced; ${pausesText(failed.pauses)}`);
}

/** Statuses are written until the log takes a snapshot, and while it does. */
async function measureCheckpoint(store: Store, agents: ReadonlyMap<string, InstantAgent>): Promise<void> {
  const tasks = store.view((read) => read.find('task', { by: 'all' })).filter(runs);
  const before = snapshots;
  let written = 0;
  const taken = await measured(async () => {
    for (; snapshots === before; written += 1) {
      const task = tasks[(written * 7919) % tasks.length];
      const { revision } = store;
      if (task !== undefined) agents.get(task.nodeId)?.report(withMessage(task, `${written}`), TaskState.RUNNING);
      while (store.revision === revision) await nextTurn();
    }
  });
  print(`  snapshot   ${written} status updates, until it is on disk; ${pausesText(taken.pauses)}`);
}

/** What an agent has to say of it. */
function withMessage(task: TaskObject, message: string): Task {
  return { ...task, status: { ...task.status, message } };
}

/** The stack's only service. */
async function measureScale(term: Term, store: Store, stack: string, by: number): Promise<void> {
  const [service] = store.view((read) => read.find('service', { by: 'stack', value: stack }));
  if (service?.spec.mode?.$case !== 'replicated') throw new Error('there is no such service');
  const replicas = service.spec.mode.value.replicas + by;
  const running = () =>
    store.view((read) => read.find('task', { by: 'service', value: service.id })).filter(runs).length === replicas;
  // Those that failed before stay as history.
  const left = () =>
    store.view((read) => read.find('task', { by: 'service', value: service.id })).filter((task) => !hasEnded(task))
      .length;
  const scaled = await measured(async () => {
    await serviceScale(term.api, { replicas: { [service.id]: replicas } });
    await until('all tasks to run', running, 120_000);
  });
  print(`  scale      by ${by} tasks: all run after ${scaled.ms.toFixed(0)} ms; ${pausesText(scaled.pauses)}`);
  const back = await measured(async () => {
    await serviceScale(term.api, { replicas: { [service.id]: replicas - by } });
    await until('the others to be gone', () => left() === replicas - by, 120_000);
  });
  print(`    and back ${back.ms.toFixed(0)} ms; ${pausesText(back.pauses)}`);
}

function runs(task: TaskObject): boolean {
  return isWanted(task) && task.status.state === TaskState.RUNNING;
}

const dir = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
print(`A leading manager, ${SIZE.tasks} tasks of ${SIZE.services} services on ${SIZE.nodes} nodes, ${KIND}:`);
try {
  await run(dir);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
