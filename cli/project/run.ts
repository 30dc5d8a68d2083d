/** A project that was just deployed: waited for in the background, or followed in the foreground. */
import { type ControlClient, ObjectKind, type StackChange } from '../../proto/generated/gantry/v1/control.ts';
import { type Dependency, DependencyCondition, type Task } from '../../proto/generated/gantry/v1/types.ts';
import type { Cli } from '../cli.ts';
import { ask } from '../connection.ts';
import { updateKey } from '../rollout/update-stand.ts';
import { type ProgressMode, progressIn } from '../terminal/progress.ts';
import { type AbortRule, followProject } from './attached.ts';
import { changedServices } from './changes.ts';
import { LogFollower } from './log-follower.ts';
import { LogLines, usesColours } from './log-lines.ts';
import type { Ansi } from './project-options.ts';
import { hasEnded, isRunning, nodeNames, type ProjectService, projectServices } from './project-state.ts';
import type { SelectedService } from './selection.ts';
import type { StartGoal } from './start-stand.ts';
import type { StopSignals } from './stop-signals.ts';
import { waitUntilStarted } from './wait-started.ts';

/** What the cluster had of the project before. */
export interface Before {
  readonly services: readonly ProjectService[];
  readonly tasks: readonly Task[];
  readonly earlierTasks: ReadonlySet<string>;
  readonly earlierUpdates: ReadonlySet<string>;
}

export async function stateBefore(control: ControlClient, project: string): Promise<Before> {
  const services = await projectServices(control, project);
  const { tasks } = await ask(control, control.taskList, { stack: project, services: [], nodes: [] });
  return {
    services,
    tasks,
    earlierTasks: new Set(tasks.map(({ id }) => id)),
    earlierUpdates: new Set(services.map(({ service }) => updateKey(service))),
  };
}

export interface Run {
  readonly project: string;
  readonly services: readonly SelectedService[];
  readonly changes: readonly StackChange[];
  readonly before: Before;
}

/** Ids by full name. */
function serviceIds({ changes, services }: Run): Map<string, string> {
  const names = new Set(services.map(({ fullName }) => fullName));
  const own = changes.filter(({ kind, name }) => kind === ObjectKind.SERVICE && names.has(name));
  return new Map(own.map(({ id, name }) => [name, id]));
}

export interface BackgroundOptions {
  /** Until all are healthy, not only started. */
  readonly wait?: boolean;
  /** Milliseconds. */
  readonly waitTimeout?: number;
  readonly progress: ProgressMode;
}

export async function waitInBackground(
  cli: Cli,
  control: ControlClient,
  run: Run,
  { wait = false, waitTimeout, progress }: BackgroundOptions,
): Promise<void> {
  await waitUntilStarted(cli, control, {
    project: run.project,
    services: new Set(serviceIds(run).values()),
    goal: wait ? 'healthy' : 'started',
    earlier: run.before,
    timeoutMs: waitTimeout,
    progress: progressIn(cli.stderr, progress),
    signal: new AbortController().signal,
  });
}

/** Until what a service depends on is as it wants it. */
export async function waitForDependencies(
  cli: Cli,
  control: ControlClient,
  run: Run,
  dependencies: readonly Dependency[],
  progress: ProgressMode,
): Promise<void> {
  const ids = serviceIds(run);
  const needs = new Map(dependencies.map(({ service, condition }) => [service, condition]));
  const named = (goal: StartGoal) =>
    [...ids].filter(([name]) => (needs.get(name) ?? DependencyCondition.STARTED) === CONDITIONS[goal]);
  for (const goal of ['started', 'healthy', 'completed'] as const) {
    const services = new Set(named(goal).map(([, id]) => id));
    if (services.size === 0) continue;
    await waitUntilStarted(cli, control, {
      project: run.project,
      services,
      goal,
      earlier: run.before,
      timeoutMs: undefined,
      progress: progressIn(cli.stderr, progress),
      signal: new AbortController().signal,
    });
  }
}

const CONDITIONS: Readonly<Record<StartGoal, DependencyCondition>> = {
  started: DependencyCondition.STARTED,
  healthy: DependencyCondition.HEALTHY,
  completed: DependencyCondition.COMPLETED,
};

export interface ForegroundOptions {
  readonly rule: AbortRule;
  readonly signals: StopSignals;
  /** Full names of the services whose logs are shown. */
  readonly shown: ReadonlySet<string>;
  /** Milliseconds containers have to stop. */
  readonly timeout?: number;
  readonly ansi: Ansi;
  readonly color: boolean;
  readonly logPrefix: boolean;
  readonly timestamps?: boolean;
  readonly progress: ProgressMode;
}

/** The exit code to end with, once all containers have ended. */
export async function followInForeground(
  cli: Cli,
  control: ControlClient,
  run: Run,
  options: ForegroundOptions,
): Promise<number> {
  const { project, before } = run;
  const ids = serviceIds(run);
  const services = new Set(ids.values());
  const over = new AbortController();
  const starting = new AbortController();
  const names = await nodeNames(control);
  const logs = followLogs(cli, control, run, options);
  try {
    const started = waitUntilStarted(cli, control, {
      project,
      services,
      goal: 'started',
      earlier: before,
      timeoutMs: undefined,
      progress: progressIn(cli.stderr, options.progress === 'quiet' ? 'quiet' : 'plain'),
      signal: AbortSignal.any([starting.signal, over.signal]),
    });
    const followed = followProject(cli, control, {
      project,
      services,
      earlierTasks: goneBefore(run),
      rule: options.rule,
      stopTimeoutMs: options.timeout,
      nodeNames: names,
      logs,
      signals: options.signals,
      onStop: () => starting.abort(),
      signal: AbortSignal.any([options.signals.forced, over.signal]),
    });
    const [exitCode] = await Promise.all([followed, started]);
    return exitCode;
  } finally {
    over.abort();
    await logs.close();
  }
}

/** Tasks that have ended, or go since others take their place. */
function goneBefore({ before, changes }: Run): Set<string> {
  const changed = changedServices(changes);
  return new Set(before.tasks.filter((task) => hasEnded(task) || changed.has(task.serviceId)).map(({ id }) => id));
}

/** Clocks of nodes differ a little. */
const CLOCK_SLACK_MS = 60_000;

function followLogs(cli: Cli, control: ControlClient, run: Run, options: ForegroundOptions): LogFollower {
  const { project, before, changes } = run;
  const shown = [...serviceIds(run)].filter(([name]) => options.shown.has(name)).map(([, id]) => id);
  const lines = new LogLines(
    {
      project,
      colours: options.color && usesColours(cli, options.ansi),
      prefixes: options.logPrefix,
      timestamps: options.timestamps ?? false,
    },
    run.services.filter(({ fullName }) => options.shown.has(fullName)).map(({ name }) => `${name}.1`),
  );
  const logs = new LogFollower(cli, control, lines, before.earlierTasks);
  const changed = changedServices(changes);
  for (const id of shown) {
    logs.follow({ kind: 'service', id, sinceMs: cli.nowMs() - CLOCK_SLACK_MS });
    if (changed.has(id)) continue;
    for (const task of before.tasks) {
      if (task.serviceId === id && isRunning(task)) logs.follow({ kind: 'task', id: task.id });
    }
  }
  return logs;
}
