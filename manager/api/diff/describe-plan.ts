/** A plan as a user is told of it: what differs, and what comes of it. Pure. */
import { createHash } from 'node:crypto';
import {
  ChangeKind,
  Consequence,
  type FieldChange,
  ObjectKind,
  type StackChange,
} from '../../../proto/generated/gantry/v1/control.ts';
import { ServiceSpec } from '../../../proto/generated/gantry/v1/types.ts';
import { sameCredentials } from '../../images/pull-credentials.ts';
import { sameMessage } from '../../store/same-message.ts';
import type { ServiceObject } from '../../store/service.ts';
import type { TaskObject } from '../../store/task.ts';
import type { NewVersion, PlanStep } from '../plan-step.ts';
import type { Existing } from '../stack-plan.ts';
import { type FieldNames, fieldChanges } from './field-changes.ts';
import { OBJECT_FIELDS, specFields } from './spec-fields.ts';
import { effectOf } from './task-effect.ts';

type ServiceStep = Extract<PlanStep, { readonly kind: 'service' }>;
type ObjectOnly = Exclude<PlanStep, ServiceStep>;

const KINDS = {
  network: ObjectKind.NETWORK,
  secret: ObjectKind.SECRET,
  config: ObjectKind.CONFIG,
  service: ObjectKind.SERVICE,
} as const;

/** `tasksOf`: those of a service, by its id. */
export function describePlan(
  steps: readonly PlanStep[],
  existing: Existing,
  tasksOf: (serviceId: string) => readonly TaskObject[],
): StackChange[] {
  const names = specFields(labelsOf(steps, existing));
  return steps.map((step): StackChange => {
    const { change, kind, object } = step;
    const named = { change, kind: KINDS[kind], id: object.id, name: object.spec.annotations.name };
    if (change === ChangeKind.UNCHANGED) return { ...named, ...NO_DIFFERENCE };
    if (step.kind !== 'service') return { ...named, ...objectDifference(step, existing), tasks: undefined };
    const before = existing.services.find(({ id }) => id === object.id);
    const after = change === ChangeKind.REMOVE ? undefined : step.object;
    const fields = before === undefined || after === undefined ? [] : serviceFields(before, step.object, names);
    return { ...named, fields, ...effectOf({ before, after }, tasksOf(object.id), existing.nodes) };
  });
}

type Difference = Pick<StackChange, 'fields' | 'consequence' | 'tasks'>;

const NO_DIFFERENCE: Difference = { fields: [], consequence: Consequence.NONE, tasks: undefined };

/** Of what has an id: its name, and of content that is another than before under its name, that it is. */
function labelsOf(steps: readonly PlanStep[], existing: Existing): (id: string) => string {
  const known = [...existing.networks, ...existing.secrets, ...existing.configs];
  const labels = new Map(known.map(({ id, spec }) => [id, spec.annotations.name]));
  for (const step of steps) {
    const { name } = step.object.spec.annotations;
    labels.set(step.object.id, 'replaces' in step ? `${name} (new version)` : name);
  }
  return (id) => labels.get(id) ?? id;
}

function serviceFields(before: ServiceObject, after: ServiceStep['object'], names: FieldNames): FieldChange[] {
  const fields = fieldChanges(withPorts(before), withPorts(after), names);
  if (!sameCredentials(before.pullCredentials, after.pullCredentials)) {
    fields.push({ field: 'registry credentials', before: undefined, after: SECRET });
  }
  const isOther = !sameMessage(ServiceSpec, before.spec, after.spec);
  return fields.length === 0 && isOther ? [UNNAMED] : fields;
}

/** As it runs: with the ports that were chosen for it. What its tasks are comes first. */
function withPorts({ spec, ports }: Pick<ServiceObject, 'spec' | 'ports'>): ServiceObject['spec'] {
  const { task, ...rest } = spec;
  return { task, ...rest, ports };
}

/** Nothing that is shown differs, yet the specs do. */
const UNNAMED: FieldChange = { field: 'something else', before: undefined, after: undefined };

/** Stands for what is never told. */
const SECRET = '(not shown)';

function objectDifference(step: ObjectOnly, existing: Existing): Pick<Difference, 'fields' | 'consequence'> {
  if ('replaces' in step) return { fields: versionChanges(step), consequence: Consequence.RECREATES };
  if (step.change === ChangeKind.CREATE) return { fields: [], consequence: Consequence.STARTS };
  if (step.change === ChangeKind.REMOVE) return { fields: [], consequence: Consequence.STOPS };
  const before = beforeOf(step, existing);
  const fields = fieldChanges(withoutData(before?.spec), withoutData(step.object.spec), OBJECT_FIELDS);
  return { fields: fields.length === 0 ? [UNNAMED] : fields, consequence: Consequence.IN_PLACE };
}

function beforeOf({ kind, object }: ObjectOnly, { networks, secrets, configs }: Existing) {
  const objects = { network: networks, secret: secrets, config: configs }[kind];
  return objects.find(({ id }) => id === object.id);
}

/** Only new versions have other content. */
function withoutData(spec: object | undefined): object {
  return { ...spec, data: undefined };
}

function versionChanges({ kind, object, replaces }: NewVersion): FieldChange[] {
  const rest = fieldChanges(withoutData(replaces.spec), withoutData(object.spec), OBJECT_FIELDS);
  const [before, after] = [replaces.spec.data, object.spec.data];
  if (Buffer.compare(before, after) === 0) return rest;
  const text = kind === 'secret' ? () => SECRET : contentText;
  return [{ field: 'content', before: text(before), after: text(after) }, ...rest];
}

/** "12 bytes sha256:b5bb9d8014a0": as sha256sum tells of the file. */
function contentText(data: Uint8Array): string {
  return `${data.byteLength} bytes sha256:${createHash('sha256').update(data).digest('hex').slice(0, 12)}`;
}
