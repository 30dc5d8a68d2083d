/** For tests: plans of stacks, without a store. */
import { ChangeKind, ResolveImage, StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import type { ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import { configType } from '../store/config.ts';
import { networkType } from '../store/network.ts';
import { secretType } from '../store/secret.ts';
import { serviceType } from '../store/service.ts';
import { NOTHING_FOUND } from '../volumes/mount-sources.ts';
import type { PlanStep } from './plan-step.ts';
import { type Existing, planStack } from './stack-plan.ts';
import { validateStack } from './stack-validation.ts';

export const NOTHING: Existing = { networks: [], secrets: [], configs: [], services: [], nodes: [] };

export function stack(services: ServiceSpec[], rest: Parameters<typeof StackSpec.fromPartial>[0] = {}): StackSpec {
  return validateStack(StackSpec.fromPartial({ name: 's', services, ...rest }));
}

export function plan(existing: Existing, spec: StackSpec, prune = false): PlanStep[] {
  let ids = 0;
  const known = existing.networks.length + existing.secrets.length + existing.configs.length + existing.services.length;
  return planStack(existing, spec, prune, {
    nowMs: 1_000_000,
    platformsOf: () => [],
    resolveImage: ResolveImage.ALWAYS,
    registry: undefined,
    found: NOTHING_FOUND,
    newId: () => {
      ids += 1;
      return `id${known + ids}`;
    },
  });
}

/** What exists once the plan has run and all that it removes has gone; what it replaces is still used. */
export function existingAfter(steps: readonly PlanStep[]): Existing {
  const left = steps.filter((step) => step.change !== ChangeKind.REMOVE);
  const kept = left.flatMap((step): PlanStep[] => {
    return 'replaces' in step ? [step, { ...step, object: step.replaces } as PlanStep] : [step];
  });
  const meta = undefined;
  return {
    ...NOTHING,
    networks: kept.flatMap((step) => (step.kind === 'network' ? networkType.complete({ ...step.object, meta }) : [])),
    secrets: kept.flatMap((step) => (step.kind === 'secret' ? secretType.complete({ ...step.object, meta }) : [])),
    configs: kept.flatMap((step) => (step.kind === 'config' ? configType.complete({ ...step.object, meta }) : [])),
    services: kept.flatMap((step) => (step.kind === 'service' ? serviceType.complete({ ...step.object, meta }) : [])),
  };
}
