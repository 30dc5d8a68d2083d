/** Rolls a service's tasks to its present spec, and keeps the books of it. */

import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { newObjectId, type RandomBytes } from '../../../proto/ids.ts';
import { isJob } from '../../../proto/service-mode.ts';
import type { ControlLoop } from '../../control-loop.ts';
import { rulesOf } from '../../placement/rules.ts';
import { type ServiceObject, serviceName } from '../../store/service.ts';
import type { ReadTransaction } from '../../store/tables.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import { type Slot, slotsOf } from '../slots.ts';
import { newTask, order, replacement } from '../tasks.ts';
import { type FailedSlot, failedSlots } from './failures.ts';
import { updateOutcome } from './outcome.ts';
import { nextStep, type RolloutStep } from './rollout.ts';
import { settleUpdate } from './settlement.ts';
import { isPaused, isUpdating, updateConfigOf } from './update-config.ts';

type ActiveStep = Exclude<RolloutStep, { readonly step: 'wait' }>;

/** Steps of one turn: each looks at all slots of its service. */
const STEPS_AT_ONCE = 20;

/** Keys are ids of services. */
export function updateLoop(random: RandomBytes): ControlLoop {
  return {
    name: 'update',
    kinds: ['service', 'task', 'node'],
    allKeys: (read) => read.find('service', { by: 'all' }).map((service) => service.id),
    keysOf: (event, read) => {
      if (event.kind === 'service') return [event.object.id, ...dependents(read, serviceName(event.object))];
      if (event.kind === 'task') return [event.object.serviceId];
      if (event.kind !== 'node') return [];
      return read.find('task', { by: 'node', value: event.object.id }).map((task) => task.serviceId);
    },
    reconcile: (tx, serviceId, nowMs) => {
      // A slot whose task never ran goes from stop to start at once.
      for (let count = 0; count < STEPS_AT_ONCE; count += 1) {
        const next = advance(tx, serviceId, nowMs, random);
        if (next !== 'again') return next;
      }
      return nowMs;
    },
  };
}

/** One step, or when to look again. */
function advance(
  tx: WriteTransaction,
  serviceId: string,
  nowMs: number,
  random: RandomBytes,
): 'again' | number | undefined {
  const service = tx.get('service', serviceId);
  if (service === undefined || service.pendingDelete || service.stopped || isJob(service.spec)) return undefined;
  const slots = slotsOf(tx.find('task', { by: 'service', value: serviceId }));
  const failed = failuresOf(service, slots);
  const settled = settle(tx, service, slots, failed, nowMs);
  if (settled === 'changed') return 'again';
  const step = isHeldBack(tx, service) ? undefined : planned(tx, service, slots, failed, nowMs);
  if (step === undefined) return settled;
  if (step.step === 'wait') return Math.min(step.untilMs, settled ?? step.untilMs);
  run(tx, service, step, nowMs, random);
  return 'again';
}

function dependents(read: ReadTransaction, name: string): string[] {
  return read.find('service', { by: 'restartsWith', value: name }).map(({ id }) => id);
}

/** Its tasks are to be made anew after those of a service that it depends on. */
function isHeldBack(read: ReadTransaction, { spec, updateStatus }: ServiceObject): boolean {
  if (!isUpdating(updateStatus)) return false;
  return spec.dependencies.some(({ service, restart }) => {
    const [target] = restart ? read.find('service', { by: 'name', value: service }) : [];
    return isUpdating(target?.updateStatus);
  });
}

function failuresOf(service: ServiceObject, slots: readonly Slot[]): FailedSlot[] {
  const { updateStatus, specVersion } = service;
  if (!isUpdating(updateStatus)) return [];
  return failedSlots({ specVersion, config: updateConfigOf(service), startedAtMs: updateStatus.startedAtMs }, slots);
}

/** Writes down what has become of the update; or says when to look again. */
function settle(
  tx: WriteTransaction,
  service: ServiceObject,
  slots: readonly Slot[],
  failed: readonly FailedSlot[],
  nowMs: number,
): 'changed' | number | undefined {
  const { updateStatus, specVersion } = service;
  if (!isUpdating(updateStatus)) return undefined;
  const update = { specVersion, config: updateConfigOf(service), startedAtMs: updateStatus.startedAtMs };
  const outcome = updateOutcome(update, slots, failed, nowMs);
  if (outcome.outcome === 'goes-on') return outcome.untilMs;
  const others = tx.find('service', { by: 'all' }).filter(({ id }) => id !== service.id);
  tx.update('service', settleUpdate(service, outcome, others, nowMs));
  return 'changed';
}

function planned(
  tx: WriteTransaction,
  service: ServiceObject,
  slots: readonly Slot[],
  failed: readonly FailedSlot[],
  nowMs: number,
): RolloutStep | undefined {
  const plan = {
    specVersion: service.specVersion,
    rules: rulesOf(service.spec.placement),
    config: updateConfigOf(service),
    paused: isPaused(service.updateStatus),
    failed: new Set(failed.map(({ slot }) => slot)),
  };
  return nextStep(plan, slots, (task) => tx.get('node', task.nodeId), nowMs);
}

function run(tx: WriteTransaction, service: ServiceObject, step: ActiveStep, nowMs: number, random: RandomBytes): void {
  if (step.step === 'stop' || step.step === 'move') tx.update('task', order(step.task, TaskState.SHUTDOWN, nowMs));
  if (step.step === 'revive') tx.create('task', replacement(step.task, newObjectId(random), nowMs, 0));
  if (step.step === 'start' || step.step === 'move') {
    tx.create('task', newTask(service, step.slot, newObjectId(random), nowMs));
  }
}
