/** Which services of a stack roll because one that they depend on does: `depends_on` with `restart: true`. Pure. */
import { ChangeKind } from '../../proto/generated/gantry/v1/control.ts';
import { withSpec } from '../orchestrator/update/spec-change.ts';
import type { ServiceObject } from '../store/service.ts';
import type { PlanStep } from './plan-step.ts';

type ServiceStep = Extract<PlanStep, { readonly kind: 'service' }>;
/** One of a service that there is already. */
type Existing = Extract<ServiceStep, { readonly object: ServiceObject }>;

/** `before`: the services as they are. They roll once the others are done: see the update loop. */
export function withDependentRestarts(
  steps: readonly PlanStep[],
  before: readonly ServiceObject[],
  nowMs: number,
): PlanStep[] {
  const owns = new Map(before.map((service) => [service.id, service]));
  let planned = [...steps];
  for (;;) {
    const rolling = new Set(
      planned.filter((step) => rolls(step, owns)).map((step) => step.object.spec.annotations.name),
    );
    const next = planned.findIndex((step) => !rolls(step, owns) && isDependent(step, rolling));
    const step = planned[next];
    if (step === undefined || !isExisting(step)) return planned;
    planned = planned.with(next, { ...step, change: ChangeKind.UPDATE, object: rolled(step.object, nowMs) });
  }
}

/** Its tasks are made anew. */
function rolls(step: PlanStep, owns: ReadonlyMap<string, ServiceObject>): boolean {
  if (!isExisting(step)) return false;
  return step.object.specVersion !== owns.get(step.object.id)?.specVersion;
}

function isDependent(step: PlanStep, rolling: ReadonlySet<string>): boolean {
  if (!isExisting(step)) return false;
  return step.object.spec.dependencies.some(({ service, restart }) => restart && rolling.has(service));
}

function isExisting(step: PlanStep): step is Existing {
  return step.kind === 'service' && step.change !== ChangeKind.CREATE && step.change !== ChangeKind.REMOVE;
}

function rolled(service: ServiceObject, nowMs: number): ServiceObject {
  const { spec, ports } = service;
  const task = { ...spec.task, forceUpdate: spec.task.forceUpdate + 1 };
  return withSpec(service, { ...spec, task }, ports, nowMs);
}
