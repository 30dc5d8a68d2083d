/** What a change of a service does to its tasks. Pure. */
import { Consequence, type TaskEffect } from '../../../proto/generated/gantry/v1/control.ts';
import { isJob } from '../../../proto/service-mode.ts';
import { eligibleNodes } from '../../orchestrator/global/placement.ts';
import { isPaused, updateConfigOf } from '../../orchestrator/update/update-config.ts';
import { rulesOf, unmetDemand } from '../../placement/rules.ts';
import type { NodeObject } from '../../store/node.ts';
import type { ServiceObject } from '../../store/service.ts';
import { hasEnded, isWanted, type TaskObject } from '../../store/task.ts';

export interface Effect {
  readonly consequence: Consequence;
  readonly tasks: TaskEffect;
}

/** Of a service, before and after the change. */
export interface ServiceChange {
  readonly before: ServiceObject | undefined;
  /** Undefined: it goes. */
  readonly after: Pick<ServiceObject, 'spec' | 'specVersion' | 'updateStatus'> | undefined;
}

/** `tasks`: those of the service. */
export function effectOf(
  { before, after }: ServiceChange,
  tasks: readonly TaskObject[],
  nodes: readonly NodeObject[],
): Effect {
  const wanted = tasks.filter((task) => isWanted(task) && !hasEnded(task));
  const present = wanted.length;
  const effect = (consequence: Consequence, parts: Partial<TaskEffect> = {}): Effect => ({
    consequence,
    tasks: { present, replaced: 0, started: 0, stopped: 0, update: undefined, ...parts },
  });
  if (after === undefined) return effect(Consequence.STOPS, { stopped: present });
  const desired = desiredTasks(after.spec, nodes);
  if (before === undefined) return effect(Consequence.STARTS, { started: desired });
  // A deploy starts what was stopped.
  if (before.stopped) return effect(Consequence.STARTS, { started: Math.max(0, desired - present) });
  if (after.specVersion !== before.specVersion) {
    const kept = Math.min(present, desired);
    const parts = { started: desired - kept, stopped: present - kept };
    if (isJob(after.spec)) return effect(Consequence.RECREATES, { ...parts, replaced: kept });
    const stale = wanted.filter(({ specVersion }) => specVersion !== after.specVersion).length;
    const update = updateConfigOf({ ...before, ...after });
    return effect(Consequence.ROLLS, { ...parts, replaced: Math.min(stale, kept), update });
  }
  if (isPaused(before.updateStatus) && !isPaused(after.updateStatus)) return effect(Consequence.RESUMES);
  if (isJob(after.spec)) return effect(Consequence.IN_PLACE);
  const more = desired - desiredTasks(before.spec, nodes);
  return effect(Consequence.IN_PLACE, {
    started: Math.max(0, more),
    stopped: Math.min(present, Math.max(0, -more)),
    replaced: misplaced(wanted, after.spec, nodes),
  });
}

/** Tasks that are where the placement doesn't let them be. */
function misplaced(tasks: readonly TaskObject[], { placement }: ServiceObject['spec'], nodes: readonly NodeObject[]) {
  const rules = rulesOf(placement);
  const wrong = new Set(nodes.filter((node) => unmetDemand(rules, node) !== undefined).map(({ id }) => id));
  return tasks.filter(({ nodeId }) => wrong.has(nodeId)).length;
}

function desiredTasks({ mode, placement }: ServiceObject['spec'], nodes: readonly NodeObject[]): number {
  if (mode?.$case === 'global' || mode?.$case === 'globalJob') return eligibleNodes(nodes, rulesOf(placement));
  if (mode?.$case === 'replicatedJob') return Math.min(mode.value.maxConcurrent, mode.value.totalCompletions);
  return mode?.value.replicas ?? 1;
}
