/** Rolls a service's tasks to its present spec. */

import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { newObjectId, type RandomBytes } from '../../../proto/ids.ts';
import type { ControlLoop } from '../../control-loop.ts';
import { rulesOf } from '../../placement/rules.ts';
import type { ReadTransaction } from '../../store/tables.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import { slotsOf } from '../slots.ts';
import { newTask, order } from '../tasks.ts';
import { nextStep, type RolloutStep } from './rollout.ts';

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
      if (event.kind === 'service') return [event.object.id];
      if (event.kind === 'task') return [event.object.serviceId];
      if (event.kind !== 'node') return [];
      return read.find('task', { by: 'node', value: event.object.id }).map((task) => task.serviceId);
    },
    reconcile: (tx, serviceId, nowMs) => {
      // A slot whose task never ran goes from stop to start at once.
      for (let count = 0; count < STEPS_AT_ONCE; count += 1) {
        const step = planned(tx, serviceId, nowMs);
        if (step === undefined) return undefined;
        if (step.step === 'wait') return step.untilMs;
        run(tx, serviceId, step, nowMs, random);
      }
      return nowMs;
    },
  };
}

function planned(read: ReadTransaction, serviceId: string, nowMs: number): RolloutStep | undefined {
  const service = read.get('service', serviceId);
  if (service === undefined || service.pendingDelete) return undefined;
  const slots = slotsOf(read.find('task', { by: 'service', value: serviceId }));
  const { specVersion, spec } = service;
  const plan = { specVersion, rules: rulesOf(spec.placement), update: spec.update };
  return nextStep(plan, slots, (task) => read.get('node', task.nodeId), nowMs);
}

function run(tx: WriteTransaction, serviceId: string, step: ActiveStep, nowMs: number, random: RandomBytes): void {
  const service = tx.get('service', serviceId);
  if (service === undefined) return;
  const stopped = step.step === 'stop' ? step.task : step.slot.current;
  if (step.step !== 'start') tx.update('task', order(stopped, TaskState.SHUTDOWN, nowMs));
  if (step.step !== 'stop') tx.create('task', newTask(service, step.slot, newObjectId(random), nowMs));
}
