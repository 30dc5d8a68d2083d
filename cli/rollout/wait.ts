/** Waits until services are what was asked for, showing how far they are; fails with the reason when they can't be. */
import { type ControlClient, ObjectKind, type WatchEvent } from '../../proto/generated/gantry/v1/control.ts';
import type { Node, Service } from '../../proto/generated/gantry/v1/types.ts';
import { takesTasks } from '../../proto/node-match.ts';
import { isJob } from '../../proto/service-mode.ts';
import { type Cli, complain } from '../cli.ts';
import { watchCluster } from '../cluster-watch.ts';
import { ask } from '../connection.ts';
import { failureText } from '../failure.ts';
import { goDuration } from '../format/duration.ts';
import { serviceName } from '../format/rows/service-row.ts';
import { createProgress, type Progress } from '../terminal/progress.ts';
import { askPatiently } from './ask-patiently.ts';
import { ClusterView } from './cluster-view.ts';
import { latestFailure, type ServiceProgress, serviceProgress } from './convergence.ts';
import { haltedUpdate, taskFailure, timeoutFailure } from './failure-report.ts';

export interface RolloutOptions {
  /** The stack's services; or else those of `references`. */
  readonly stack?: string;
  readonly references?: readonly string[];
  /** Services whose spec is new: each of their tasks counts. Of others only what fails from now on. */
  readonly changedServices?: ReadonlySet<string>;
  readonly timeoutMs?: number;
  readonly quiet?: boolean;
  /** Aborts when nobody waits any more. */
  readonly signal?: AbortSignal;
}

/** Nobody waits any more; what was asked for goes on. */
export class WaitInterrupted extends Error {}

export const DEFAULT_TIMEOUT_MS = 5 * 60_000;
/** A process that dies at once has been running for a moment too. */
const STABLE_MS = 1000;
/** It has answered a moment ago, and waits itself while there is no leader. */
const PATIENCE_MS = 5_000;

/** Rejects when a task fails for good or the time is over, with the task's own error after its last log lines. */
export async function waitForRollout(cli: Cli, control: ControlClient, options: RolloutOptions): Promise<void> {
  const warn = ({ message }: Error) => complain(cli, `gantry: warning: ${message}; asking again`);
  const only = await askPatiently(() => serviceIds(control, options.references), warn);
  const rollout = new Rollout(cli, control, options, only);
  await rollout.run(new ClusterView(await askPatiently(() => usableNodes(control), warn)));
}

/** Undefined: all that the watch shows. */
async function serviceIds(
  control: ControlClient,
  references: readonly string[] | undefined,
): Promise<ReadonlySet<string> | undefined> {
  if (references === undefined) return undefined;
  const { services } = await ask(control, control.serviceList, { stack: '', references: [...references] });
  return new Set(services.flatMap(({ service }) => (service === undefined ? [] : [service.id])));
}

async function usableNodes(control: ControlClient): Promise<readonly Node[]> {
  const { nodes } = await ask(control, control.nodeList, {});
  return nodes.filter(takesTasks);
}

type Outcome = 'stable' | 'timeout' | 'interrupted';

class Rollout {
  readonly #cli: Cli;
  readonly #control: ControlClient;
  readonly #options: RolloutOptions;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #progress: Progress;
  #stable: NodeJS.Timeout | undefined;

  constructor(cli: Cli, control: ControlClient, options: RolloutOptions, only: ReadonlySet<string> | undefined) {
    this.#cli = cli;
    this.#control = control;
    this.#options = options;
    this.#only = only;
    this.#progress = createProgress(cli.stdout, options.quiet ?? false);
  }

  async run(view: ClusterView): Promise<void> {
    const { stack = '', timeoutMs = DEFAULT_TIMEOUT_MS, signal } = this.#options;
    const over = new AbortController();
    const ending = Promise.withResolvers<Outcome>();
    const timeout = setTimeout(() => ending.resolve('timeout'), timeoutMs);
    const interrupt = () => ending.resolve('interrupted');
    signal?.addEventListener('abort', interrupt, { once: true });
    if (signal?.aborted) interrupt();
    const events = watchCluster(
      this.#control,
      { kinds: [ObjectKind.SERVICE, ObjectKind.TASK], stack },
      { signal: over.signal, onLost: (error) => this.#lost(error), patienceMs: PATIENCE_MS },
    );
    const watching = this.#follow(view, events, () => ending.resolve('stable'));
    try {
      const outcome = await Promise.race([watching, ending.promise]);
      if (outcome === 'interrupted') throw new WaitInterrupted('interrupted');
      if (outcome === 'timeout') throw await this.#timeoutFailure(view, timeoutMs);
    } finally {
      clearTimeout(timeout);
      signal?.removeEventListener('abort', interrupt);
      clearTimeout(this.#stable);
      this.#progress.end();
      // Nobody waits for the watch any more; its end is an error.
      watching.catch(() => undefined);
      over.abort();
    }
  }

  /** Ends only by an error: the watch itself has no end. */
  async #follow(view: ClusterView, events: AsyncIterable<WatchEvent>, settled: () => void): Promise<never> {
    let synced = false;
    let first = true;
    for await (const event of events) {
      if (event.reset) synced = false;
      view.apply(event);
      synced ||= event.synced;
      if (!synced) continue;
      if (first) view.ignoreFailuresOf(this.#unchanged(view));
      await this.#judge(view, first, settled);
      first = false;
    }
    throw new Error('the watch of the cluster ended');
  }

  /** What was so is unknown until the watch goes on. */
  #lost(error: unknown): void {
    clearTimeout(this.#stable);
    this.#progress.show([{ name: 'watch', text: `interrupted, trying again: ${failureText(error)}` }]);
  }

  #services(view: ClusterView): Service[] {
    return [...view.services.values()]
      .filter(({ id, pendingDelete }) => !pendingDelete && (this.#only?.has(id) ?? true))
      .sort((a, b) => serviceName(a).localeCompare(serviceName(b)));
  }

  #unchanged(view: ClusterView): Set<string> {
    const changed = this.#options.changedServices;
    return new Set([...view.services.keys()].filter((id) => !changed?.has(id)));
  }

  /** Shows how far it is; starts or stops the clock of stability; throws when a task failed for good. */
  async #judge(view: ClusterView, first: boolean, settled: () => void): Promise<void> {
    const all = this.#services(view).map((service) => ({ service, progress: serviceProgress(service, view) }));
    this.#progress.show(
      all.map(({ service, progress }) => ({ name: serviceName(service), text: progressText(service, progress) })),
    );
    for (const { service, progress } of all) {
      if (progress.kind !== 'halted') continue;
      throw await haltedUpdate(this.#cli, this.#control, serviceName(service), progress);
    }
    const failed = all.find(({ progress }) => progress.kind === 'failed');
    if (failed?.progress.kind === 'failed') {
      throw await taskFailure(this.#cli, this.#control, serviceName(failed.service), failed.progress.task);
    }
    const done = all.every(({ progress }) => progress.kind === 'done');
    clearTimeout(this.#stable);
    if (!done) return;
    // What was so before has been so for longer than a moment.
    const unchanged = first && (this.#options.changedServices?.size ?? 0) === 0;
    this.#stable = setTimeout(settled, unchanged ? 0 : STABLE_MS);
  }

  async #timeoutFailure(view: ClusterView, timeoutMs: number): Promise<Error> {
    const open = this.#services(view)
      .map((service) => ({ service, progress: serviceProgress(service, view) }))
      .filter(({ progress }) => progress.kind !== 'done');
    const reasons = open.map(({ service, progress }) => `${serviceName(service)}: ${progressText(service, progress)}`);
    const failure = latestFailure(
      open.map(({ service }) => service),
      view,
    );
    return await timeoutFailure(this.#cli, this.#control, {
      after: goDuration(timeoutMs),
      reasons,
      task: failure,
    });
  }
}

/** "2/3 running (starting: waiting to be healthy)" */
export function progressText(service: Service, progress: ServiceProgress): string {
  const count = `${progress.running}/${progress.desired} ${isJob(service.spec) ? 'completed' : 'running'}`;
  if (progress.kind === 'waiting') return `${count} (${progress.reason})`;
  if (progress.kind === 'halted') return `${count} (${progress.message})`;
  return progress.kind === 'failed' ? `${count} (failed)` : count;
}
