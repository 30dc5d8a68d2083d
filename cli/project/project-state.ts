/** What the cluster has of a project: its services by the names they have in the files, and their tasks. */
import type { ControlClient, ServiceSummary } from '../../proto/generated/gantry/v1/control.ts';
import { type Service, type Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { slotName } from '../../proto/task-name.ts';
import { reachable } from '../compose/reachable.ts';
import { ask } from '../connection.ts';
import { CliError } from '../failure.ts';
import { serviceName } from '../format/rows/service-row.ts';

export interface ProjectService {
  /** As the files name it. */
  readonly name: string;
  readonly service: Service;
  readonly summary: ServiceSummary;
}

/** By name. */
export async function projectServices(control: ControlClient, project: string): Promise<ProjectService[]> {
  const { services } = await ask(control, control.serviceList, { stack: project, references: [] });
  return services.flatMap((summary) => {
    const { service } = summary;
    return service === undefined ? [] : [{ name: shortName(serviceName(service), project), service, summary }];
  });
}

/** "web" of "shop_web". */
export function shortName(fullName: string, project: string): string {
  return fullName.startsWith(`${project}_`) ? fullName.slice(project.length + 1) : fullName;
}

/** Those that are named; none named: all. Throws for a name that there isn't. */
export function selectServices<Item extends { readonly name: string }>(
  services: readonly Item[],
  names: readonly string[],
): readonly Item[] {
  for (const name of names) {
    if (services.some((service) => service.name === name)) continue;
    throw new CliError(`no such service: ${name}`, {
      hint: services.length === 0 ? "start the project with 'gantry compose up'" : `there are ${listed(services)}`,
    });
  }
  return names.length === 0 ? services : services.filter(({ name }) => names.includes(name));
}

/** And those that they depend on, as far as there are such. */
export function withDependencies(
  all: readonly ProjectService[],
  services: readonly ProjectService[],
): readonly ProjectService[] {
  const byName = new Map(all.map((one) => [serviceName(one.service), one]));
  const needs = ({ service }: ProjectService) => (service.spec?.dependencies ?? []).map(({ service: name }) => name);
  return [...reachable(services, (one) => needs(one).flatMap((name) => byName.get(name) ?? []))];
}

function listed(services: readonly { readonly name: string }[]): string {
  return services.map(({ name }) => name).join(', ');
}

/** Of a slot, or of a node of a global service, the task that counts: the newest. In the order of slots. */
export function currentTasks(tasks: readonly Task[]): Task[] {
  const newest = new Map<string, Task>();
  for (const task of tasks) {
    const key = `${task.serviceId}.${slotName(task)}`;
    const known = newest.get(key);
    if (known === undefined || rank(task) > rank(known)) newest.set(key, task);
  }
  return [...newest.values()].sort(byPlace);
}

/** What is to run comes before what was made later. */
function rank({ meta, desiredState }: Task): number {
  return (meta?.createdVersion ?? 0) + (desiredState <= TaskState.RUNNING ? Number.MAX_SAFE_INTEGER / 2 : 0);
}

function byPlace(a: Task, b: Task): number {
  return a.serviceName.localeCompare(b.serviceName) || a.slot - b.slot || a.nodeId.localeCompare(b.nodeId);
}

export function isRunning({ status }: Task): boolean {
  const { state = TaskState.NEW, pid = 0 } = status ?? {};
  return state === TaskState.RUNNING || (state === TaskState.STARTING && pid > 0);
}

export function hasEnded({ status }: Task): boolean {
  return (status?.state ?? TaskState.NEW) > TaskState.RUNNING;
}

/** It ran, and was stopped or ended by itself: it never could start is something else. */
export function hasRun({ status }: Task): boolean {
  const { state = TaskState.NEW, startedAtMs = 0, exitCode = 0 } = status ?? {};
  return state === TaskState.COMPLETE || startedAtMs > 0 || exitCode > 0;
}

/** "web.1"; a task of a global service by its node: "web.host1". */
export function placeName(task: Task, project: string, nodeNames: ReadonlyMap<string, string>): string {
  const place = task.slot === 0 ? (nodeNames.get(task.nodeId) ?? task.nodeId) : String(task.slot);
  return `${shortName(task.serviceName, project)}.${place}`;
}

/** By id. */
export async function nodeNames(control: ControlClient): Promise<Map<string, string>> {
  const { nodes } = await ask(control, control.nodeList, {});
  return new Map(nodes.map(({ id, description }) => [id, description?.hostname ?? id]));
}
