/**
 * From created to running to exited, and again: start, stop, kill, what follows an exit, and removal. Each change of
 * a container runs in its queue; nothing waits in a queue for a process to end, so that a kill always gets through.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import {
  type ContainerState,
  ContainerStatus,
  HealthStatus,
  LocalRestart,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { Hook } from '../../proto/generated/gantry/v1/types.ts';
import type { ExitRecord, Shim } from '../shim/shims.ts';
import { assemble, specOf } from './assemble.ts';
import type { ContainerEntry, Run } from './container-entry.ts';
import type { CommandResult } from './containers.ts';
import type { ContainerContext } from './context.ts';
import { setFrozen } from './frozen.ts';
import { HealthMonitor, type Probe } from './health-monitor.ts';
import { type HealthState, healthPlan } from './health-state.ts';
import { runPreStop } from './pre-stop.ts';
import type { ContainerRecord } from './record.ts';
import { release } from './release.ts';
import { removeContainer } from './remove.ts';
import { decideRestart, type StoppedBy } from './restart-policy.ts';
import { parseSignal, SIGKILL, SIGTERM } from './signals.ts';

const DEFAULT_GRACE_MS = 10_000;
const DRAIN_LOOK_MS = 50;
/** A killed process that is still there then hangs in the kernel: on a dead NFS server, say. */
const KILL_WAIT_MS = 30_000;

/** Sees the shim after the container is made and before its process runs: for those who want all of its output. */
export type OnCreated = (shim: Shim) => void;

/** What is run in a container beside its own process. */
export interface ContainerCommands {
  readonly probe: (entry: ContainerEntry) => Probe;
  readonly runHook: (entry: ContainerEntry, hook: Hook, signal: AbortSignal) => Promise<CommandResult>;
}

export class Lifecycle {
  readonly #context: ContainerContext;
  readonly #commands: ContainerCommands;
  #closed: boolean = false;

  constructor(context: ContainerContext, commands: ContainerCommands) {
    this.#context = context;
    this.#commands = commands;
  }

  /** A user's start: of a running container it does nothing. Returns when the process runs. */
  start(entry: ContainerEntry, onCreated?: OnCreated): Promise<Run> {
    return entry.queue.run(async () => {
      assertNotRemoving(entry);
      if (isPaused(entry)) {
        throw new GantryError('WRONG_STATE', `container ${entry.record.name} is paused`, {
          hint: 'unpause it instead',
        });
      }
      if (entry.run !== undefined) return entry.run;
      clearTimeout(entry.restartTimer);
      if (!entry.isActive) entry.rest = Promise.withResolvers();
      return this.#launch(entry, { restartCount: 0, restartDelayMs: 0 }, onCreated);
    });
  }

  /** The record says "starting" while it lasts: whoever finds that after a crash undoes it. */
  async #launch(entry: ContainerEntry, restart: RestartProgress, onCreated?: OnCreated): Promise<Run> {
    this.#context.cgroupLock.takeEarly();
    const before = entry.record.state;
    const beginMs = this.#context.now();
    await this.#save(entry, { phase: 'starting', bootId: this.#context.bootId, stoppedBy: 'nobody' });
    let shim: Shim | undefined;
    try {
      const assembled = await assemble(this.#context, entry);
      shim = assembled.shim;
      onCreated?.(shim);
      await shim.start();
      entry.record = { ...entry.record, sandbox: assembled.sandbox };
    } catch (error) {
      this.#context.metrics.containerStartFailed();
      await this.#abandon(entry, shim, before, error);
      throw error;
    }
    this.#context.metrics.containerStarted(this.#context.now() - beginMs);
    const run: Run = { shim, ended: Promise.withResolvers() };
    await this.#running(entry, run, restart);
    return run;
  }

  async #running(entry: ContainerEntry, run: Run, restart: RestartProgress): Promise<void> {
    entry.run = run;
    const state = runningState(entry, run.shim.pid, this.#context.now(), restart.restartCount);
    await this.#save(entry, { phase: 'idle', state, restartDelayMs: restart.restartDelayMs });
    this.#context.emit('start', entry);
    this.watch(entry, run);
  }

  /** Takes care of a process that runs: its health now and its exit later. */
  watch(entry: ContainerEntry, run: Run): void {
    entry.run = run;
    this.#monitorHealth(entry);
    const exited = run.shim.exited.then((exit) => entry.queue.run(() => this.#afterExit(entry, run, exit)));
    exited.catch((error: unknown) => {
      this.#context.logger.error({ err: error, ...entry.logFields }, 'exit of container not dealt with');
    });
  }

  async #abandon(entry: ContainerEntry, shim: Shim | undefined, before: ContainerState, error: unknown): Promise<void> {
    if (shim !== undefined) await endShim(shim);
    await this.#releaseLogged(entry);
    const { message, code } = toGantryError(error);
    const state: ContainerState = {
      ...before,
      status: before.status === ContainerStatus.CREATED ? ContainerStatus.CREATED : ContainerStatus.EXITED,
      error: message,
      exitCode: START_FAILURE_CODES[code] ?? 128,
    };
    await this.#save(entry, { phase: 'idle', state });
    entry.rest.resolve(state.exitCode);
  }

  /** The process has ended, and the runtime has deleted the container. */
  async #afterExit(entry: ContainerEntry, run: Run, exit: ExitRecord): Promise<void> {
    if (entry.run !== run) return;
    entry.run = undefined;
    entry.health?.stop();
    entry.health = undefined;
    try {
      await this.recordExit(entry, exit);
    } finally {
      run.ended.resolve(exit);
    }
  }

  /** Writes the exit down, and starts the container again, lets it rest or removes it, by its policy. In its queue. */
  async recordExit(entry: ContainerEntry, exit: ExitRecord): Promise<void> {
    const { record } = entry;
    const decision = this.#closed ? STAY : decideRestart(endedRun(record, exit));
    const state = exitedState(record.state, exit);
    if (decision.kind === 'restart') {
      state.status = ContainerStatus.RESTARTING;
      await this.#save(entry, { phase: 'idle', state, restartDelayMs: decision.delayMs });
      this.#context.emit('exit', entry);
      this.scheduleRestart(entry, decision.delayMs);
      return;
    }
    entry.record = { ...record, phase: 'idle', state };
    if (record.config.autoRemove) {
      this.#context.emit('exit', entry);
      await removeContainer(this.#context, entry, true);
      return;
    }
    await this.#releaseLogged(entry);
    await this.#rest(entry, state);
  }

  async #rest(entry: ContainerEntry, state: ContainerState): Promise<void> {
    await this.#save(entry, { phase: 'idle', state });
    this.#context.emit('exit', entry);
    entry.rest.resolve(state.exitCode);
  }

  /** Starts a container in state "restarting" after the delay. */
  scheduleRestart(entry: ContainerEntry, delayMs: number): void {
    entry.restartTimer = setTimeout(() => {
      const restarted = entry.queue.run(() => this.#restart(entry));
      restarted.catch((error: unknown) => {
        this.#context.logger.warn({ err: error, ...entry.logFields }, 'container not restarted');
      });
    }, delayMs);
  }

  /** A start that fails counts as a run that failed at once: the policy decides whether to go on trying. */
  async #restart(entry: ContainerEntry): Promise<void> {
    if (this.#closed || entry.status !== ContainerStatus.RESTARTING || entry.run !== undefined) return;
    const restartCount = entry.record.state.restartCount + 1;
    const { restartDelayMs } = entry.record;
    try {
      await this.#launch(entry, { restartCount, restartDelayMs });
    } catch (error) {
      const { state } = entry.record;
      entry.record = { ...entry.record, state: { ...state, restartCount, startedAtMs: this.#context.now() } };
      await this.recordExit(entry, { code: state.exitCode, oomKilled: false, finishedAtMs: this.#context.now() });
      throw error;
    }
  }

  /** Freezes its processes, until it is unpaused, stopped or killed. Its health isn't asked for meanwhile. */
  async pause(entry: ContainerEntry): Promise<void> {
    await this.#changeFrozen(entry, async () => {
      const { name, state } = entry.record;
      if (entry.run === undefined) throw new GantryError('WRONG_STATE', `container ${name} is not running`);
      if (isPaused(entry)) throw new GantryError('WRONG_STATE', `container ${name} is already paused`);
      entry.health?.stop();
      entry.health = undefined;
      // The record comes first: what a crash leaves frozen is known to be.
      await this.#save(entry, { state: { ...state, status: ContainerStatus.PAUSED } });
      try {
        await setFrozen(this.#context, entry, 'pause');
      } catch (error) {
        await this.#goOn(entry);
        throw error;
      }
    });
  }

  async unpause(entry: ContainerEntry): Promise<void> {
    await this.#changeFrozen(entry, async () => {
      if (!isPaused(entry)) throw new GantryError('WRONG_STATE', `container ${entry.record.name} is not paused`);
      await setFrozen(this.#context, entry, 'resume');
      await this.#goOn(entry);
    });
  }

  /** Not while something freezes it for a moment, nor while anything else changes it. */
  #changeFrozen(entry: ContainerEntry, change: () => Promise<void>): Promise<void> {
    return entry.freezing.run(() => entry.queue.run(change));
  }

  async #goOn(entry: ContainerEntry): Promise<void> {
    await this.#save(entry, { state: { ...entry.record.state, status: ContainerStatus.RUNNING } });
    if (entry.run !== undefined) this.#monitorHealth(entry);
  }

  /** What is to end must be able to: a frozen process does nothing, and on cgroup version 1 it isn't even killed. */
  async #thaw(entry: ContainerEntry): Promise<void> {
    if (!isPaused(entry)) return;
    try {
      await this.unpause(entry);
    } catch (error) {
      // It has ended, or somebody else was faster.
      this.#context.logger.debug({ err: error, ...entry.logFields }, 'container not thawed');
    }
  }

  /** Nobody sends to it any more: what it has been asked it may still answer, within its stop grace period. */
  async drain(entry: ContainerEntry): Promise<void> {
    const { run } = entry;
    const graceMs = specOf(entry).stopGracePeriodMs ?? DEFAULT_GRACE_MS;
    const endMs = graceMs < 0 ? Number.POSITIVE_INFINITY : this.#context.now() + graceMs;
    while (run !== undefined && entry.run === run && !this.#closed && this.#context.now() < endMs) {
      if ((await this.#unanswered(entry)) === 0) return;
      await delay(DRAIN_LOOK_MS);
    }
  }

  /** Who can't be asked isn't waited for: it is to stop in any case. */
  async #unanswered(entry: ContainerEntry): Promise<number> {
    try {
      return await this.#context.networks.unanswered(entry.id);
    } catch (error) {
      this.#context.logger.warn({ err: error, ...entry.logFields }, 'cannot tell what a container has yet to answer');
      return 0;
    }
  }

  /** Hooks, stop signal, grace period, KILL. Idempotent; returns when the exit has been dealt with. */
  async stop(entry: ContainerEntry, timeoutMs: number | undefined, by: StoppedBy): Promise<void> {
    const run = await entry.queue.run(() => this.#markStopped(entry, by));
    if (run === undefined) return;
    await this.#thaw(entry);
    const spec = specOf(entry);
    const graceMs = timeoutMs ?? spec.stopGracePeriodMs ?? DEFAULT_GRACE_MS;
    const beginMs = this.#context.now();
    if (spec.preStop.length > 0) {
      run.preStop ??= this.#runPreStop(entry, run, graceMs);
      await settlesWithin(Promise.race([run.preStop, run.ended.promise]), graceMs);
    }
    run.shim.signal(stopSignal(entry.record));
    const leftMs = graceMs < 0 ? graceMs : Math.max(graceMs - (this.#context.now() - beginMs), 0);
    if (await settlesWithin(run.ended.promise, leftMs)) return;
    await this.#killAndWait(entry, run);
  }

  #runPreStop(entry: ContainerEntry, run: Run, graceMs: number): Promise<void> {
    const logger = this.#context.logger.child(entry.logFields);
    const runHook = (hook: Hook, signal: AbortSignal) => this.#commands.runHook(entry, hook, signal);
    return runPreStop({ hooks: specOf(entry).preStop, run, graceMs, runHook, logger });
  }

  /** From here on its exit is final. Returns what runs; a container between two runs rests at once. */
  async #markStopped(entry: ContainerEntry, by: StoppedBy): Promise<Run | undefined> {
    if (entry.record.phase === 'removing') return undefined;
    if (entry.status === ContainerStatus.RESTARTING) {
      clearTimeout(entry.restartTimer);
      entry.record = { ...entry.record, stoppedBy: by };
      await this.#releaseLogged(entry);
      await this.#rest(entry, { ...entry.record.state, status: ContainerStatus.EXITED });
      return undefined;
    }
    if (entry.run === undefined) return undefined;
    // Without a policy nothing asks after a crash who stopped it.
    if (entry.record.config.restart === LocalRestart.NO) entry.record = { ...entry.record, stoppedBy: by };
    else await this.#save(entry, { stoppedBy: by });
    return entry.run;
  }

  async #killAndWait(entry: ContainerEntry, run: Run): Promise<void> {
    run.shim.signal(SIGKILL);
    await this.#thaw(entry);
    if (await settlesWithin(run.ended.promise, KILL_WAIT_MS)) return;
    throw new GantryError(
      'HOST',
      `container ${entry.record.name} was killed, but its process ${run.shim.pid} doesn't end`,
      {
        hint: 'it waits in the kernel, for a file system or a device that does not answer',
      },
    );
  }

  /** One signal. KILL and the container's own stop signal are a user's stop: no policy starts it again. */
  async kill(entry: ContainerEntry, signalText: string): Promise<void> {
    const signal = parseSignal(signalText || 'KILL');
    const ends = signal === SIGKILL || signal === stopSignal(entry.record);
    if (ends && entry.run !== undefined) await entry.queue.run(() => this.#markStopped(entry, 'user'));
    const { run } = entry;
    if (run === undefined) throw new GantryError('WRONG_STATE', `container ${entry.record.name} is not running`);
    run.shim.signal(signal);
    if (signal === SIGKILL) await this.#thaw(entry);
  }

  /** Idempotent: a container that is gone by then is a success. WRONG_STATE when it runs and `force` isn't set. */
  async remove(entry: ContainerEntry, options: { readonly force: boolean; readonly volumes: boolean }): Promise<void> {
    if (entry.isActive && !options.force) {
      throw new GantryError('WRONG_STATE', `container ${entry.record.name} is running`, {
        hint: 'stop it first, or remove it with --force',
      });
    }
    const run = await entry.queue.run(() => this.#markStopped(entry, 'user'));
    if (run !== undefined) await this.#killAndWait(entry, run);
    await entry.queue.run(async () => {
      if (!this.#context.index.has(entry.id)) return;
      if (entry.run !== undefined) {
        throw new GantryError('WRONG_STATE', `container ${entry.record.name} was started while it was to be removed`);
      }
      await removeContainer(this.#context, entry, options.volumes || entry.record.config.autoRemove);
    });
  }

  #monitorHealth(entry: ContainerEntry): void {
    const { record } = entry;
    const plan = planOf(record);
    if (plan === undefined || isPaused(entry)) return;
    entry.health = new HealthMonitor({
      plan,
      startedAtMs: record.state.startedAtMs,
      state: healthOf(record.state),
      now: this.#context.now,
      probe: this.#commands.probe(entry),
      onState: (state) => this.#onHealth(entry, state),
    });
    entry.health.start();
  }

  /** Not saved: after a restart of gantryd the next probe tells. */
  #onHealth(entry: ContainerEntry, health: HealthState): void {
    const before = entry.record.state;
    const state = {
      ...before,
      health: health.status,
      healthFailingStreak: health.failingStreak,
      healthOutput: health.output,
    };
    entry.record = { ...entry.record, state };
    if (before.health === health.status) return;
    this.#context.emit('health', entry);
    const saved = entry.queue.run(() => (entry.run === undefined ? Promise.resolve() : this.#save(entry, {})));
    saved.catch((error: unknown) => {
      this.#context.logger.error({ err: error, ...entry.logFields }, 'health of container not recorded');
    });
  }

  async #releaseLogged(entry: ContainerEntry): Promise<void> {
    try {
      await release(this.#context, entry);
    } catch (error) {
      // What is left over is given back by the container's removal, or by the next start of gantryd.
      this.#context.logger.error({ err: error, ...entry.logFields }, 'container not wholly released');
    }
  }

  async #save(entry: ContainerEntry, changes: Partial<ContainerRecord>): Promise<void> {
    entry.record = { ...entry.record, ...changes };
    await this.#context.store.save(entry.record);
  }

  /** Containers go on; nothing is started, probed or recorded from here on. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#context.index.entries()) {
      clearTimeout(entry.restartTimer);
      entry.health?.stop();
      entry.run?.shim.close();
    }
  }
}

interface RestartProgress {
  readonly restartCount: number;
  readonly restartDelayMs: number;
}

const STAY = { kind: 'stay' } as const;

/** As `docker inspect` shows them for a container that couldn't be started. */
const START_FAILURE_CODES: Readonly<Record<string, number>> = { COMMAND_NOT_RUNNABLE: 126, COMMAND_NOT_FOUND: 127 };

function isPaused({ status }: ContainerEntry): boolean {
  return status === ContainerStatus.PAUSED;
}

function assertNotRemoving({ record }: ContainerEntry): void {
  if (record.phase !== 'removing') return;
  throw new GantryError('WRONG_STATE', `container ${record.name} is being removed`);
}

function runningState(entry: ContainerEntry, pid: number, nowMs: number, restartCount: number): ContainerState {
  return {
    ...entry.record.state,
    status: ContainerStatus.RUNNING,
    pid,
    exitCode: 0,
    oomKilled: false,
    error: '',
    startedAtMs: nowMs,
    finishedAtMs: 0,
    health: planOf(entry.record) === undefined ? HealthStatus.NONE : HealthStatus.STARTING,
    healthFailingStreak: 0,
    healthOutput: '',
    restartCount,
  };
}

function exitedState(state: ContainerState, exit: ExitRecord): ContainerState {
  return {
    ...state,
    status: ContainerStatus.EXITED,
    pid: 0,
    exitCode: exit.code,
    oomKilled: exit.oomKilled,
    finishedAtMs: exit.finishedAtMs,
  };
}

function endedRun({ config, state, stoppedBy, restartDelayMs }: ContainerRecord, exit: ExitRecord) {
  return {
    restart: config.restart,
    maxAttempts: config.restartMaxAttempts,
    stoppedBy,
    exitCode: exit.code,
    restartCount: state.restartCount,
    ranMs: exit.finishedAtMs - state.startedAtMs,
    lastDelayMs: restartDelayMs,
  };
}

function planOf({ config, image }: ContainerRecord): ReturnType<typeof healthPlan> {
  return healthPlan(config.spec?.healthcheck, image.healthcheck, image.shell);
}

function healthOf({ health, healthFailingStreak, healthOutput }: ContainerState): HealthState {
  return { status: health, failingStreak: healthFailingStreak, output: healthOutput };
}

function stopSignal({ config, image }: ContainerRecord): number {
  const text = config.spec?.stopSignal || image.stopSignal;
  return text === '' ? SIGTERM : parseSignal(text);
}

/** Negative: as long as it takes. */
async function settlesWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const settled = promise.then(() => true);
  if (timeoutMs < 0) return settled;
  const timeout = new AbortController();
  try {
    return await Promise.race([settled, delay(timeoutMs, false, { signal: timeout.signal })]);
  } finally {
    timeout.abort();
  }
}

/** Ends a container whose process was not to run, or not to run on. */
export async function endShim(shim: Shim): Promise<void> {
  shim.signal(SIGKILL);
  await shim.exited;
  shim.close();
}
