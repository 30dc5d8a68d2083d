/** What a deployment would change, as text and as JSON. Pure. */
import {
  ChangeKind,
  Consequence,
  type FieldChange,
  ObjectKind,
  type ServiceEffect,
  type StackChange,
  type TaskEffect,
} from '../../../proto/generated/gantry/v1/control.ts';
import { type UpdateConfig, UpdateOrder } from '../../../proto/generated/gantry/v1/types.ts';
import { goDuration } from '../../format/duration.ts';
import { kindWord } from '../../project/changes.ts';

export interface Plan {
  readonly changes: readonly StackChange[];
  /** Names of services that the stack has and the file doesn't. */
  readonly leftOverServices: readonly string[];
  /** Full names of services whose image the deploy would build first. */
  readonly builtServices: readonly string[];
}

const SIGNS: ReadonlyMap<ChangeKind, string> = new Map([
  [ChangeKind.CREATE, '+'],
  [ChangeKind.UPDATE, '~'],
  [ChangeKind.REMOVE, '-'],
]);

/** A line for each object that changes, below it one for each field, and what a user should know beside that. */
export function planText({ changes, leftOverServices, builtServices }: Plan): string {
  const changed = changes.filter(({ change }) => change !== ChangeKind.UNCHANGED);
  const notes = [
    ...builtServices.map((name) => `  service ${name}: ${buildText(changes.find((one) => isService(one, name)))}`),
    ...leftOverServices.map((name) => `  service ${name} is not in the file and stays; --prune removes it`),
  ];
  const none = builtServices.length === 0 ? 'No changes.' : 'No changes, unless a build brings one.';
  const lines = [...changed.flatMap(changeText), changed.length === 0 ? none : tally(changes), ...notes];
  return lines.map((line) => `${line}\n`).join('');
}

function isService({ kind, name: own }: StackChange, name: string): boolean {
  return kind === ObjectKind.SERVICE && own === name;
}

/** What a build brings, as far as that can be told before. */
function buildText(change: StackChange | undefined): string {
  const text = 'its image would be built';
  if (change?.ifRebuilt === undefined) return text;
  const effect = consequenceText({ ...change, ...change.ifRebuilt });
  return effect === consequenceText(change) ? text : `${text}; if that gives another one: ${effect}`;
}

export function hasChanges({ changes }: Pick<Plan, 'changes'>): boolean {
  return changes.some(({ change }) => change !== ChangeKind.UNCHANGED);
}

function changeText(one: StackChange): string[] {
  const consequence = consequenceText(one);
  const head = `${SIGNS.get(one.change)} ${kindWord(one.kind)} ${one.name}`;
  return [
    consequence === '' ? head : `${head}: ${consequence}`,
    ...one.fields.map((field) => `    ${fieldText(field)}`),
  ];
}

/** "image: web:1 → web:2", "ports 80/tcp: + 8080", "labels old: - 1" */
export function fieldText({ field, before, after }: FieldChange): string {
  if (before === undefined && after === undefined) return field;
  if (before === undefined) return `${field}: + ${oneLine(after ?? '')}`;
  if (after === undefined) return `${field}: - ${oneLine(before)}`;
  const [old, now] = field === 'image' ? imagePair(before, after) : [before, after];
  return `${field}: ${oneLine(old)} → ${oneLine(now)}`;
}

/** Digests only where the names are the same, and only their beginning. */
function imagePair(before: string, after: string): readonly [string, string] {
  const [oldName = '', oldDigest] = before.split('@');
  const [newName = '', newDigest] = after.split('@');
  if (oldName !== newName) return [oldName, newName];
  const short = (name: string, digest: string | undefined) =>
    digest === undefined ? name : `${name}@${digest.slice(0, 'sha256:'.length + 12)}`;
  return [short(oldName, oldDigest), short(newName, newDigest)];
}

const LONGEST = 200;

/** Values of several lines, or of none, as one that can be read. */
function oneLine(text: string): string {
  const shown = text === '' || /\p{Cc}/u.test(text) ? JSON.stringify(text) : text;
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown;
}

/** "rolls 3 of 3 tasks, one at a time, stop-first" */
export function consequenceText({
  consequence,
  kind,
  tasks,
}: Pick<StackChange, 'consequence' | 'kind' | 'tasks'>): string {
  const scaled = tasks === undefined ? [] : scaledText(tasks);
  switch (consequence) {
    case Consequence.IN_PLACE: {
      const moved = tasks?.replaced ? [`moves ${taskCount(tasks.replaced)} in a wrong place`] : [];
      return ['in place', ...moved, ...scaled].join(', ');
    }
    case Consequence.ROLLS:
      return [rollText(tasks), ...scaled].join(', ');
    case Consequence.RECREATES:
      return kind === ObjectKind.SERVICE ? 'runs again' : 'new version, and what uses it rolls';
    case Consequence.STARTS:
    case Consequence.STOPS:
      return scaled.join(', ');
    case Consequence.RESUMES:
      return 'goes on with its update, which was paused';
    default:
      return '';
  }
}

function rollText(tasks: TaskEffect | undefined): string {
  if (tasks === undefined) return 'rolls its tasks';
  const { present, stopped, replaced, update } = tasks;
  const count = `rolls ${replaced} of ${taskCount(present - stopped)}`;
  return update === undefined || replaced === 0 ? count : `${count}, ${wayText(update)}`;
}

function wayText({ parallelism, order, delayMs }: UpdateConfig): string {
  const pace = parallelism === 0 ? 'all at once' : `${parallelism === 1 ? 'one' : parallelism} at a time`;
  const first = order === UpdateOrder.START_FIRST ? 'start-first' : 'stop-first';
  return delayMs === 0 ? `${pace}, ${first}` : `${pace}, ${goDuration(delayMs)} apart, ${first}`;
}

function scaledText({ started, stopped }: TaskEffect): string[] {
  return [
    ...(started > 0 ? [`starts ${taskCount(started)}`] : []),
    ...(stopped > 0 ? [`stops ${taskCount(stopped)}`] : []),
  ];
}

function taskCount(count: number): string {
  return `${count} task${count === 1 ? '' : 's'}`;
}

/** "1 to create, 2 to change, 4 unchanged" */
function tally(changes: readonly StackChange[]): string {
  const count = (kind: ChangeKind) => changes.filter(({ change }) => change === kind).length;
  const parts: readonly (readonly [number, string])[] = [
    [count(ChangeKind.CREATE), 'to create'],
    [count(ChangeKind.UPDATE), 'to change'],
    [count(ChangeKind.REMOVE), 'to remove'],
    [count(ChangeKind.UNCHANGED), 'unchanged'],
  ];
  return parts.flatMap(([number, words]) => (number === 0 ? [] : [`${number} ${words}`])).join(', ');
}

/** One document, with what doesn't change, too. */
export function planJson({ changes, leftOverServices, builtServices }: Plan): string {
  const document = {
    Changes: changes.map(changeJson),
    LeftOverServices: leftOverServices,
    BuiltServices: builtServices,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function changeJson({ kind, name, id, change, consequence, fields, tasks, ifRebuilt }: StackChange) {
  return {
    Kind: kindWord(kind),
    Name: name,
    ID: id,
    Change: wordOf(ChangeKind, change),
    Consequence: wordOf(Consequence, consequence),
    Fields: fields.map(({ field, before = null, after = null }) => ({ Field: field, Before: before, After: after })),
    Tasks: tasks === undefined ? null : tasksJson(tasks),
    IfRebuilt: ifRebuilt === undefined ? null : effectJson(ifRebuilt),
  };
}

function effectJson({ consequence, tasks }: ServiceEffect) {
  return { Consequence: wordOf(Consequence, consequence), Tasks: tasks === undefined ? null : tasksJson(tasks) };
}

function tasksJson({ present, replaced, started, stopped, update }: TaskEffect) {
  const how =
    update === undefined
      ? null
      : { Parallelism: update.parallelism, Order: wordOf(UpdateOrder, update.order), DelayMs: update.delayMs };
  return { Present: present, Replaced: replaced, Started: started, Stopped: stopped, Update: how };
}

/** "in-place" of IN_PLACE. */
function wordOf(values: Readonly<Record<string, unknown>>, value: unknown): string {
  const name = Object.keys(values).find((key) => values[key] === value) ?? String(value);
  return name.toLowerCase().replaceAll('_', '-');
}
