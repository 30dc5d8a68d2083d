/** Keeps a global service at one task per node. */

import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { newObjectId, type RandomBytes } from '../../../proto/ids.ts';
import type { ControlLoop } from '../../control-loop.ts';
import { rulesOf } from '../../placement/rules.ts';
import type { ServiceObject } from '../../store/service.ts';
import type { ReadTransaction } from '../../store/tables.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import { slotsOf } from '../slots.ts';
import { newTask, order } from '../tasks.ts';
import { planPlacement } from './placement.ts';

export function globalLoop(random: RandomBytes): ControlLoop {
  return {
    name: 'global',
    kinds: ['service', 'task', 'node'],
    allKeys: globalServices,
    keysOf: (event, read) => {
      if (event.kind === 'node') return globalServices(read);
      if (event.kind === 'service') return [event.object.id];
      if (event.kind !== 'task' || event.object.slot !== 0) return [];
      return event.object.desiredState === event.previous?.desiredState ? [] : [event.object.serviceId];
    },
    reconcile: (tx, serviceId, nowMs) => reconcile(tx, serviceId, nowMs, random),
  };
}

function globalServices(read: ReadTransaction): string[] {
  return read
    .find('service', { by: 'all' })
    .filter(isGlobal)
    .map((service) => service.id);
}

function isGlobal(service: ServiceObject): boolean {
  return service.spec.mode?.$case === 'global';
}

function reconcile(tx: WriteTransaction, serviceId: string, nowMs: number, random: RandomBytes): undefined {
  const service = tx.get('service', serviceId);
  if (service === undefined || !isGlobal(service) || service.pendingDelete || service.stopped) return;
  const slots = slotsOf(tx.find('task', { by: 'service', value: serviceId }));
  const plan = planPlacement(tx.find('node', { by: 'all' }), rulesOf(service.spec.placement), slots);
  for (const nodeId of plan.create) {
    tx.create('task', newTask(service, { slot: 0, nodeId }, newObjectId(random), nowMs));
  }
  for (const slot of plan.remove) {
    for (const task of [slot.current, ...slot.history]) tx.update('task', order(task, TaskState.REMOVE, nowMs));
  }
}
