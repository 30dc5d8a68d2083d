/** Tasks as `service ps` and `stack ps` list them. */
import { PublishMode, type Task, TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { withoutLookedUpDigest } from '../../../proto/image-reference.ts';
import { slotName } from '../../../proto/task-name.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { ago } from '../duration.ts';
import type { Listing } from '../listing.ts';
import { displayServicePorts } from '../ports.ts';
import { ellipsis, shortId } from '../table.ts';
import type { RowOptions } from './container-row.ts';

export const TASK_LISTING: Listing = {
  headings: {
    ID: 'ID',
    Name: 'NAME',
    Image: 'IMAGE',
    Node: 'NODE',
    DesiredState: 'DESIRED STATE',
    CurrentState: 'CURRENT STATE',
    Error: 'ERROR',
    Ports: 'PORTS',
  },
  defaultTable:
    '{{.ID}}\t{{.Name}}\t{{.Image}}\t{{.Node}}\t{{.DesiredState}}\t{{.CurrentState}}\t{{.Error}}\t{{.Ports}}',
  quietField: 'ID',
};

const STATE_NAMES: ReadonlyMap<TaskState, string> = new Map(
  Object.entries(TaskState).map(([name, value]) => [value, name.charAt(0) + name.slice(1).toLowerCase()]),
);

/** "Running", "Preparing", ... */
export function taskStateName(state: TaskState): string {
  return STATE_NAMES.get(state) ?? 'Unknown';
}

/** "web.1"; a task of a global service by its node: "web.NODE_ID". */
export function taskName(task: Task): string {
  return `${task.serviceName}.${slotName(task)}`;
}

export interface TaskRowOptions extends RowOptions {
  /** Node id → name; without one the id is shown. */
  readonly nodeNames: ReadonlyMap<string, string>;
}

const ERROR_WIDTH = 30;

/** Rows by service and slot, newest first; a slot's earlier tasks follow it, marked as such. */
export function taskRows(tasks: readonly Task[], options: TaskRowOptions): Fields[] {
  let previous = '';
  return tasks.toSorted(byNameAndAge).map((task) => {
    const name = taskName(task);
    const row = taskRow(task, name === previous ? ` \\_ ${name}` : name, options);
    previous = name;
    return row;
  });
}

function byNameAndAge(a: Task, b: Task): number {
  return (
    a.serviceName.localeCompare(b.serviceName) ||
    a.slot - b.slot ||
    // A global service's have no other place; those of a slot may have been on several nodes.
    (a.slot === 0 ? a.nodeId.localeCompare(b.nodeId) : 0) ||
    (b.meta?.createdVersion ?? 0) - (a.meta?.createdVersion ?? 0)
  );
}

/** Of a task that is to run and doesn't yet: where Docker shows it, too. */
function waitingReason({ status, desiredState }: Task): string {
  const { state = TaskState.NEW, message = '' } = status ?? {};
  const isWaiting = state < TaskState.RUNNING && desiredState <= TaskState.RUNNING;
  return isWaiting && message !== taskStateName(state).toLowerCase() ? message : '';
}

function taskRow(task: Task, name: string, { truncate, nowMs, nodeNames }: TaskRowOptions): Fields {
  const { state = TaskState.NEW, timestampMs = 0 } = task.status ?? {};
  return {
    CurrentState: `${taskStateName(state)} ${ago(timestampMs, nowMs).toLowerCase()}`,
    DesiredState: taskStateName(task.desiredState),
    Error: errorText(task.status?.error || waitingReason(task), truncate),
    ID: truncate ? shortId(task.id) : task.id,
    Image: shownImage(task.spec?.container?.image ?? '', truncate),
    Name: name,
    Node: nodeNames.get(task.nodeId) ?? task.nodeId,
    Ports: displayServicePorts(task.ports.filter((port) => port.mode === PublishMode.HOST)),
  };
}

function errorText(error: string, truncate: boolean): string {
  if (error === '') return '';
  const quoted = JSON.stringify(error);
  return truncate ? ellipsis(quoted, ERROR_WIDTH) : quoted;
}

/** As Docker shows it: the digest is for who wants all of it. */
function shownImage(image: string, truncate: boolean): string {
  return truncate ? withoutLookedUpDigest(image) : image;
}
