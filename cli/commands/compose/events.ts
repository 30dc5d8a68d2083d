/** `compose events`: what becomes of the containers of a project, on all nodes, from now on. */
import type { Command } from 'commander';
import { ControlClient, ObjectKind } from '../../../proto/generated/gantry/v1/control.ts';
import type { Task } from '../../../proto/generated/gantry/v1/types.ts';
import { type Cli, printLine } from '../../cli.ts';
import { watchCluster } from '../../cluster-watch.ts';
import { refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { projectServices, selectServices, shortName } from '../../project/project-state.ts';
import { type ContainerEvent, taskEvents } from '../../project/task-events.ts';

interface EventsOptions extends ProjectOptions {
  readonly json?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all, also those that are yet to come)'))
    .option('--json', 'each event as a JSON object')
    .action((names: string[], options: EventsOptions) => events(cli, names, options));
  for (const flag of ['--since <time>', '--until <time>']) {
    refuse(command, flag, "past events aren't kept; 'gantry stack ps' lists the containers that there were");
  }
}

async function events(cli: Cli, names: readonly string[], options: EventsOptions): Promise<void> {
  const project = projectName(cli, options);
  await withClient(ControlClient, cli, async (control) => {
    if (names.length > 0) selectServices(await projectServices(control, project), names);
    for await (const { service, event } of projectEvents(cli, control, project)) {
      if (names.length > 0 && !names.includes(service)) continue;
      await printLine(cli, options.json ? eventJson(service, event) : eventLine(event));
    }
  });
}

/** What is so at the beginning is no event; while no manager answers, what then is different is. */
async function* projectEvents(
  cli: Cli,
  control: ControlClient,
  project: string,
): AsyncGenerator<{ readonly service: string; readonly event: ContainerEvent }, void, undefined> {
  let known: Map<string, Task> | undefined;
  let next = new Map<string, Task>();
  const changes = (before: Task | undefined, after: Task | undefined) =>
    taskEvents(before, after, cli.nowMs()).map((event) => ({
      service: shortName((after ?? before)?.serviceName ?? '', project),
      event,
    }));
  for await (const { reset, synced, removed, object } of watchCluster(control, {
    kinds: [ObjectKind.TASK],
    stack: project,
  })) {
    if (reset) next = new Map();
    if (object?.$case === 'task') {
      const { value: task } = object;
      if (known === next) yield* changes(known.get(task.id), removed ? undefined : task);
      if (removed) next.delete(task.id);
      else next.set(task.id, task);
    }
    if (!synced || known === next) continue;
    const before = known;
    known = next;
    if (before === undefined) continue;
    for (const [id, task] of before) if (!next.has(id)) yield* changes(task, undefined);
    for (const [id, task] of next) yield* changes(before.get(id), task);
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
