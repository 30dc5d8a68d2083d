/** `compose ps`: the containers of a project, on whichever nodes they are. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../../cli.ts';
import { collect } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { renderListing } from '../../format/listing.ts';
import { type ComposeContainer, composeListing, composeRow, composeState } from '../../format/rows/compose-row.ts';
import { taskName } from '../../format/rows/task-row.ts';
import { parseFilters } from '../../options/listing-options.ts';
import { parseWord } from '../../options/words.ts';
import { allServiceNames, declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import {
  currentTasks,
  hasEnded,
  nodeNames,
  type ProjectService,
  projectServices,
  selectServices,
} from '../../project/project-state.ts';

interface PsOptions extends ProjectOptions {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly services?: boolean;
  readonly status: readonly string[];
  readonly filter: readonly string[];
  readonly format?: string;
  readonly trunc: boolean;
  readonly orphans: boolean;
}

const STATES = Object.fromEntries(
  ['paused', 'restarting', 'removing', 'running', 'dead', 'created', 'exited'].map((state) => [state, state]),
);

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)'))
    .option('-a, --all', 'also containers that have ended')
    .option('-q, --quiet', 'print only ids')
    .option('--services', 'print the names of services')
    .option('--status <state>', 'only containers in this state', collect, [])
    .option('--filter <name=value>', 'only what matches: status=STATE', collect, [])
    .option('--format <template>', "'table', 'table TEMPLATE', 'json' or a Go template")
    .option('--no-trunc', "don't cut anything off")
    .option('--orphans', 'also services that the files no longer have', true)
    .option('--no-orphans', 'only those of the files')
    .action((names: string[], options: PsOptions) => ps(cli, names, options));
}

async function ps(cli: Cli, names: readonly string[], options: PsOptions): Promise<void> {
  const project = projectName(cli, options);
  const wanted = [...options.status, ...parseFilters(options.filter, ['status']).map(({ value }) => value)];
  const states = wanted.map((state) => parseWord('--status', state, STATES));
  const found = await withClient(ControlClient, cli, async (control) => {
    const services = selectServices(await projectServices(control, project), names);
    const inFiles = options.orphans ? undefined : allServiceNames(cli, options);
    const meant = services.filter(({ name }) => inFiles?.has(name) ?? true);
    return await containersOf(control, project, meant);
  });
  const { containers, nodes } = found;
  const isShown = (one: ComposeContainer) => {
    if (states.length > 0) return states.includes(composeState(one.task, one.container));
    return options.all === true || !hasEnded(one.task);
  };
  const shown = containers.filter(isShown);
  if (options.services) {
    const services = [...new Set(shown.map(({ service }) => service))];
    return await print(cli, services.map((name) => `${name}\n`).join(''));
  }
  const rows = shown.map((one) => composeRow(one, { truncate: options.trunc, nowMs: cli.nowMs() }));
  const { format, quiet = false } = options;
  await print(cli, renderListing(composeListing(nodes), rows, { format, quiet }));
}

interface Found {
  readonly containers: ComposeContainer[];
  /** Of the cluster. */
  readonly nodes: number;
}

async function containersOf(
  control: ControlClient,
  project: string,
  services: readonly ProjectService[],
): Promise<Found> {
  const names = new Map(services.map(({ name, service }) => [service.id, name]));
  const { tasks } = await ask(control, control.taskList, { stack: project, services: [], nodes: [] });
  const current = currentTasks(tasks.filter(({ serviceId }) => names.has(serviceId)));
  const [{ containers }, nodes] = await Promise.all([
    ask(control, control.taskInspect, { taskIds: current.map(({ id }) => id) }),
    nodeNames(control),
  ]);
  const byTask = new Map(containers.map((container) => [container.taskId, container]));
  return {
    containers: current.map((task) => ({
      project,
      service: names.get(task.serviceId) ?? '',
      name: taskName(task),
      task,
      container: byTask.get(task.id),
      node: nodes.get(task.nodeId) ?? task.nodeId,
    })),
    nodes: nodes.size,
  };
}
