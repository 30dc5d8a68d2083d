/** `up` in the foreground: the logs of a project until its containers have ended, or somebody stops it. */
import type { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import { type Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { type Cli, complain, printLine } from '../cli.ts';
import { ask } from '../connection.ts';
import type { LogFollower } from './log-follower.ts';
import { isRunning, placeName } from './project-state.ts';
import type { StopSignals } from './stop-signals.ts';
import { endedTasks, type WatchedProject } from './until-over.ts';

/** When the first container that ends ends them all: never, when any ends, when one fails, or when one of a service ends. */
export type AbortRule =
  | { readonly on: 'nothing' }
  | { readonly on: 'exit' }
  | { readonly on: 'failure' }
  /** With the exit code of its container. */
  | { readonly on: 'exit-of'; readonly service: string };

export interface AttachOptions extends WatchedProject {
  readonly rule: AbortRule;
  /** For how long containers are waited for when they are stopped; undefined: as they say. */
  readonly stopTimeoutMs: number | undefined;
  readonly nodeNames: ReadonlyMap<string, string>;
  readonly logs: LogFollower;
  readonly signals: StopSignals;
  /** Called when the project is stopped. */
  readonly onStop: () => void;
  /** Aborts when nobody wants to see it any more. */
  readonly signal: AbortSignal;
}

/** As docker compose ends when it was interrupted. */
const INTERRUPTED = 130;

/** The exit code to end with. Who wants to go away so much that it is said three times isn't held by what nobody answers. */
export async function followProject(cli: Cli, control: ControlClient, options: AttachOptions): Promise<number> {
  const { forced } = options.signals;
  const left = new Promise<number>((resolve) => {
    forced.addEventListener('abort', () => resolve(INTERRUPTED), { once: true });
  });
  return await Promise.race([untilAllEnded(cli, control, options), left]);
}

async function untilAllEnded(cli: Cli, control: ControlClient, options: AttachOptions): Promise<number> {
  const { rule, signals, logs } = options;
  let exitCode = 0;
  let isStopping = false;
  const stop = async () => {
    isStopping = true;
    options.onStop();
    const { services, stopTimeoutMs: timeoutMs } = options;
    await ask(control, control.serviceStop, { references: [...services], timeoutMs });
  };
  const stopping = stopOnSignal(cli, control, options, stop);
  // It is waited for below; until then nobody listens.
  stopping.catch(() => undefined);
  for await (const task of endedTasks(control, options, options.signal)) {
    await logs.finish(task);
    await tellEnd(cli, options, task);
    if (isStopping || !aborts(rule, task, options)) continue;
    exitCode = task.status?.exitCode ?? 0;
    await printLine(cli, 'Aborting on container exit...');
    await stop();
  }
  signals.close();
  await stopping;
  return signals.count > 0 ? INTERRUPTED : exitCode;
}

/** The first signal stops the project; the second one kills it. */
async function stopOnSignal(
  cli: Cli,
  control: ControlClient,
  options: AttachOptions,
  stop: () => Promise<void>,
): Promise<void> {
  const { signals, project, services } = options;
  if (!(await signals.first)) return;
  await complain(cli, 'Gracefully Stopping... press Ctrl+C again to force');
  await stop();
  if (!(await signals.second)) return;
  const { tasks } = await ask(control, control.taskList, { stack: project, services: [...services], nodes: [] });
  const taskIds = tasks.filter(isRunning).map(({ id }) => id);
  if (taskIds.length > 0) await ask(control, control.taskKill, { taskIds, signal: 'KILL' });
}

async function tellEnd(cli: Cli, { project, nodeNames }: AttachOptions, task: Task): Promise<void> {
  const { exitCode = 0, error = '', state } = task.status ?? {};
  const why = state === TaskState.REJECTED || (exitCode === 0 && error !== '') ? error : `exited with code ${exitCode}`;
  await printLine(cli, `${placeName(task, project, nodeNames)} ${why}`);
}

function aborts(rule: AbortRule, task: Task, { project, nodeNames }: AttachOptions): boolean {
  switch (rule.on) {
    case 'nothing':
      return false;
    case 'exit':
      return true;
    case 'failure':
      return task.status?.state !== TaskState.COMPLETE;
    case 'exit-of':
      return placeName(task, project, nodeNames).startsWith(`${rule.service}.`);
  }
}
