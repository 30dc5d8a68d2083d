/** `compose events`: what becomes of the containers of a project, on all nodes, and what became of those that there are. */
import type { Command } from 'commander';
import { ControlClient, ObjectKind } from '../../../proto/generated/gantry/v1/control.ts';
import type { Task } from '../../../proto/generated/gantry/v1/types.ts';
import { type Cli, printLine } from '../../cli.ts';
import { watchCluster } from '../../cluster-watch.ts';
import { withClient } from '../../connection.ts';
import { parseTime } from '../../options/log-options.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { projectServices, selectServices, shortName } from '../../project/project-state.ts';
import { type ContainerEvent, pastEvents, taskEvents } from '../../project/task-events.ts';

interface EventsOptions extends ProjectOptions {
  readonly json?: boolean;
  readonly since?: string;
  readonly until?: string;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all, also those that are yet to come)'))
    .option('--json', 'each event as a JSON object')
    .option('--since <time>', 'also those since this time, of containers that are still listed (default: from now on)')
    .option(
      '--until <time>',
      'only those until this time: RFC 3339, seconds of Unix time, or a duration such as 10m ago',
    )
    .action((names: string[], options: EventsOptions) => events(cli, names, options));
}

async function events(cli: Cli, names: readonly string[], options: EventsOptions): Promise<void> {
  const project = projectName(cli, options);
  const span = spanOf(options, cli.nowMs());
  await withClient(ControlClient, cli, async (control) => {
    if (names.length > 0) selectServices(await projectServices(control, project), names);
    for await (const { service, event } of projectEvents(cli, control, project, span)) {
      if (names.length > 0 && !names.includes(service)) continue;
      await printLine(cli, options.json ? eventJson(service, event) : eventLine(event));
    }
  });
}

/** Milliseconds since the epoch. */
interface Span {
  /** Undefined: from now on. */
  readonly sinceMs: number | undefined;
  readonly untilMs: number;
}

/** As Docker has it, an end alone is that of all that is known. */
function spanOf({ since, until }: EventsOptions, nowMs: number): Span {
  const untilMs = until === undefined ? Number.POSITIVE_INFINITY : parseTime('--until', until, nowMs);
  if (since !== undefined) return { sinceMs: parseTime('--since', since, nowMs), untilMs };
  return { sinceMs: until === undefined ? undefined : 0, untilMs };
}

interface ServiceEvent {
  readonly service: string;
  readonly event: ContainerEvent;
}

async function* projectEvents(
  cli: Cli,
  control: ControlClient,
  project: string,
  { sinceMs, untilMs }: Span,
): AsyncGenerator<ServiceEvent, void, undefined> {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  try {
    for await (const { kind, events } of taskChanges(cli, control, project, over.signal)) {
      const from = kind === 'present' ? (sinceMs ?? Number.POSITIVE_INFINITY) : 0;
      for (const one of events) if (one.event.timeMs >= from && one.event.timeMs <= untilMs) yield one;
      if (cli.nowMs() > untilMs) return;
      if (Number.isFinite(untilMs)) timer ??= setTimeout(() => over.abort(), longestTimer(untilMs - cli.nowMs()));
    }
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

/** Node's timers hold no more. */
function longestTimer(milliseconds: number): number {
  return Math.min(Math.max(milliseconds, 0), 2 ** 31 - 1);
}

type Seen =
  /** What led to the state in the beginning. */
  | { readonly kind: 'present'; readonly events: readonly ServiceEvent[] }
  | { readonly kind: 'change'; readonly events: readonly ServiceEvent[] };

/** First what there is; while no manager answers, what then is different is a change. */
async function* taskChanges(
  cli: Cli,
  control: ControlClient,
  project: string,
  signal: AbortSignal,
): AsyncGenerator<Seen, void, undefined> {
  let known: Map<string, Task> | undefined;
  let next = new Map<string, Task>();
  const named = ({ serviceName }: Task, events: readonly ContainerEvent[]): ServiceEvent[] =>
    events.map((event) => ({ service: shortName(serviceName, project), event }));
  const change = (before: Task | undefined, after: Task | undefined): Seen => {
    const task = after ?? before;
    return { kind: 'change', events: task === undefined ? [] : named(task, taskEvents(before, after, cli.nowMs())) };
  };
  const watched = { kinds: [ObjectKind.TASK], stack: project };
  for await (const { reset, synced, removed, object } of watchCluster(control, watched, { signal })) {
    if (reset) next = new Map();
    if (object?.$case === 'task') {
      const { value: task } = object;
      if (known === next) yield change(known.get(task.id), removed ? undefined : task);
      if (removed) next.delete(task.id);
      else next.set(task.id, task);
    }
    if (!synced || known === next) continue;
    const before = known;
    known = next;
    if (before === undefined) {
      const past = [...next.values()].flatMap((task) => named(task, pastEvents(task)));
      yield { kind: 'present', events: past.sort((a, b) => a.event.timeMs - b.event.timeMs) };
      continue;
    }
    for (const [id, task] of before) if (!next.has(id)) yield change(task, undefined);
    for (const [id, task] of next) yield change(before.get(id), task);
  }
}

/** As docker compose prints them. */
function eventLine({ action, id, timeMs, attributes }: ContainerEvent): string {
  const time = new Date(timeMs).toISOString().replace('T', ' ').replace('Z', '000');
  const pairs = Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
  return `${time} container ${action} ${id} (${pairs.join(', ')})`;
}

function eventJson(service: string, { action, id, timeMs, attributes }: ContainerEvent): string {
  return JSON.stringify({
    action,
    attributes,
    id,
    service,
    time: new Date(timeMs).toISOString(),
    type: 'container',
  });
}
