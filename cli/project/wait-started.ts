/** Waits until the services of a project have started, and says what it waits for. */
import { type ControlClient, ObjectKind } from '../../proto/generated/gantry/v1/control.ts';
import type { Service } from '../../proto/generated/gantry/v1/types.ts';
import type { Cli } from '../cli.ts';
import { watchCluster } from '../cluster-watch.ts';
import { CliError, failureText } from '../failure.ts';
import { goDuration } from '../format/duration.ts';
import { serviceName } from '../format/rows/service-row.ts';
import { ClusterView } from '../rollout/cluster-view.ts';
import { printLastLines } from '../rollout/failure-report.ts';
import type { Progress } from '../terminal/progress.ts';
import { type ProjectView, type StartGoal, type StartStand, startStand } from './start-stand.ts';

export interface WaitOptions {
  readonly project: string;
  /** Ids of the services that are waited for. */
  readonly services: ReadonlySet<string>;
  readonly goal: StartGoal;
  readonly earlier: Pick<ProjectView, 'earlierTasks' | 'earlierUpdates'>;
  /** Undefined: for ever. */
  readonly timeoutMs: number | undefined;
  readonly progress: Progress;
  /** Whoever aborts it doesn't want to wait any longer. */
  readonly signal: AbortSignal;
}

/** Rejects when one can't start. False: the signal aborted first. */
export async function waitUntilStarted(cli: Cli, control: ControlClient, options: WaitOptions): Promise<boolean> {
  const { timeoutMs, progress, signal } = options;
  const timeout = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal, ...(timeout === undefined ? [] : [timeout])]);
  const view = new ClusterView([]);
  let open: readonly Stand[] = [];
  try {
    for await (const _ of changes(control, view, options, ended)) {
      const all = standsOf(view, options);
      progress.show(all.map(({ name, stand }) => ({ name, text: standText(stand) })));
      await refuseFailed(cli, control, all);
      open = all.filter(({ stand }) => stand.kind !== 'started');
      if (all.length >= options.services.size && open.length === 0) return true;
    }
  } finally {
    over.abort();
    progress.end();
  }
  if (signal.aborted) return false;
  const reasons = open.map(({ name, stand }) => `${name}: ${standText(stand)}`);
  throw new CliError(`application not ${options.goal} after ${goDuration(timeoutMs ?? 0)}: ${reasons.join('; ')}`, {
    hint: 'it goes on in the background; --wait-timeout waits longer',
  });
}

/** Each time when the view is complete, until the signal aborts. */
async function* changes(
  control: ControlClient,
  view: ClusterView,
  { project, progress }: WaitOptions,
  signal: AbortSignal,
): AsyncGenerator<void, void, undefined> {
  const kinds = [ObjectKind.SERVICE, ObjectKind.TASK];
  const onLost = (error: unknown) => progress.show([{ name: 'watch', text: `trying again: ${failureText(error)}` }]);
  let synced = false;
  for await (const event of watchCluster(control, { kinds, stack: project }, { signal, onLost })) {
    if (event.reset) synced = false;
    view.apply(event);
    synced ||= event.synced;
    if (synced) yield;
  }
}

interface Stand {
  readonly name: string;
  readonly stand: StartStand;
}

function standsOf(view: ClusterView, { services, goal, earlier }: WaitOptions): Stand[] {
  const { earlierTasks, earlierUpdates } = earlier;
  const seen = { services: view.services, tasks: view.tasks, earlierTasks, earlierUpdates };
  return [...view.services.values()]
    .filter(({ id }: Service) => services.has(id))
    .sort((a, b) => serviceName(a).localeCompare(serviceName(b)))
    .map((service) => ({ name: serviceName(service), stand: startStand(service, seen, goal) }));
}

function standText(stand: StartStand): string {
  return stand.kind === 'started' ? 'started' : stand.reason;
}

async function refuseFailed(cli: Cli, control: ControlClient, all: readonly Stand[]): Promise<void> {
  for (const { name, stand } of all) {
    if (stand.kind !== 'failed') continue;
    if (stand.task !== undefined) await printLastLines(cli, control, stand.task);
    throw new CliError(`service ${name} can't start: ${stand.reason}`, {
      hint: `'gantry service ps --no-trunc ${name}' lists all its tasks`,
    });
  }
}
