/** What a user is told of a rollout that didn't work: the task's last log lines, then its own error. */
import { responses } from '../../proto/client.ts';
import type { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import { type Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { type Cli, complain } from '../cli.ts';
import { CliError, failureText } from '../failure.ts';
import { taskName, taskStateName } from '../format/rows/task-row.ts';

const LOG_LINES = 10;
/** A node that is gone can't send logs; the error itself matters more. */
const LOG_TIMEOUT_MS = 3000;

/** What was asked for will not come true, or not in time. */
export class RolloutFailure extends CliError {}

/** Prints the log lines and gives back the error to end with. */
export async function taskFailure(
  cli: Cli,
  control: ControlClient,
  service: string,
  task: Task,
): Promise<RolloutFailure> {
  await printLastLines(cli, control, task);
  return new RolloutFailure(`service ${service} failed: ${describeTask(task)}`, {
    hint: `'gantry service ps --no-trunc ${service}' lists all its tasks`,
  });
}

export interface HaltedUpdate {
  /** As the managers say it. */
  readonly message: string;
  readonly hint: string;
  readonly task: Task | undefined;
}

/** Of an update that was paused, or taken back. */
export async function haltedUpdate(
  cli: Cli,
  control: ControlClient,
  service: string,
  { message, hint, task }: HaltedUpdate,
): Promise<RolloutFailure> {
  if (task !== undefined) await printLastLines(cli, control, task);
  const reason = task === undefined ? '' : `; ${describeTask(task)}`;
  return new RolloutFailure(`service ${service}: ${message}${reason}`, {
    hint: `${hint}; 'gantry service ps --no-trunc ${service}' lists all its tasks`,
  });
}

export interface TimeoutReport {
  /** The time that is over, as text. */
  readonly after: string;
  /** A line for each service that isn't done. */
  readonly reasons: readonly string[];
  readonly task: Task | undefined;
}

export async function timeoutFailure(cli: Cli, control: ControlClient, report: TimeoutReport): Promise<RolloutFailure> {
  const { after, reasons, task } = report;
  if (task !== undefined) await printLastLines(cli, control, task);
  const last = task === undefined ? '' : `; last failure: ${describeTask(task)}`;
  return new RolloutFailure(`not converged within ${after}: ${reasons.join('; ')}${last}`, {
    hint: 'it goes on in the background; --timeout waits longer',
  });
}

/** "web.1: exited with code 3" */
export function describeTask(task: Task): string {
  const { error = '', message = '', exitCode = 0, oomKilled = false, state = TaskState.NEW } = task.status ?? {};
  const reason = [error, message].find((text) => text !== '') ?? `exit code ${exitCode}`;
  return `${taskName(task)}: ${taskStateName(state).toLowerCase()}: ${reason}${oomKilled && !/memory|oom/i.test(reason) ? ' (out of memory)' : ''}`;
}

export async function printLastLines(cli: Cli, control: ControlClient, task: Task): Promise<void> {
  const call = control.serviceLogs({ reference: task.id, follow: false, tail: LOG_LINES, sinceMs: 0, untilMs: 0 });
  const timeout = setTimeout(() => call.cancel(), LOG_TIMEOUT_MS);
  const lines: string[] = [];
  try {
    for await (const line of responses(call)) lines.push(Buffer.from(line.data).toString('utf8').trimEnd());
  } catch (error) {
    // A task that never had a container has no logs; what was found so far is still shown.
    if (task.status?.containerId) lines.push(`(no more log lines: ${failureText(error)})`);
  } finally {
    clearTimeout(timeout);
  }
  if (lines.length === 0) return;
  await complain(cli, `last log lines of ${taskName(task)}:\n${lines.map((line) => `    ${line}`).join('\n')}`);
}
