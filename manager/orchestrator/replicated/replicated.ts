/** Keeps a replicated service at its number of slots. */

import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { newObjectId, type RandomBytes } from '../../../proto/ids.ts';
import type { ControlLoop } from '../../control-loop.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import { slotsOf } from '../slots.ts';
import { newTask, order } from '../tasks.ts';
import { planReplicas } from './replicas.ts';

/** Slots that one turn fills or clears; what that changes brings the service back for the next ones. */
const SLOTS_AT_ONCE = 200;

export function replicatedLoop(random: RandomBytes): ControlLoop {
  return {
    name: 'replicated',
    kinds: ['service', 'task'],
    allKeys: (read) => read.find('service', { by: 'all' }).map((service) => service.id),
    keysOf: (event) => {
      if (event.kind === 'service') return [event.object.id];
      // Only a task that comes, goes, or is given up changes the number of slots.
      if (event.kind !== 'task' || event.object.desiredState === event.previous?.desiredState) return [];
      return [event.object.serviceId];
    },
    reconcile: (tx, serviceId, nowMs) => reconcile(tx, serviceId, nowMs, random),
  };
}

function reconcile(tx: WriteTransaction, serviceId: string, nowMs: number, random: RandomBytes): undefined {
  const service = tx.get('service', serviceId);
  if (service?.spec.mode?.$case !== 'replicated' || service.pendingDelete || service.stopped) return;
  const slots = slotsOf(tx.find('task', { by: 'service', value: serviceId }));
  const plan = planReplicas(service.spec.mode.value.replicas, slots);
  for (const slot of plan.create.slice(0, SLOTS_AT_ONCE)) {
    tx.create('task', newTask(service, { slot, nodeId: '' }, newObjectId(random), nowMs));
  }
  for (const slot of plan.remove.slice(0, SLOTS_AT_ONCE)) {
    for (const task of [slot.current, ...slot.history]) tx.update('task', order(task, TaskState.REMOVE, nowMs));
  }
}
