/** Replaces tasks that have ended, or whose node is gone. */

import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { newObjectId, type RandomBytes } from '../../../proto/ids.ts';
import type { ControlLoop } from '../../control-loop.ts';
import { hasEnded } from '../../store/task.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import type { StoreEvent } from '../../store/watch.ts';
import { type Slot, slotsOf } from '../slots.ts';
import { order, replacement } from '../tasks.ts';
import { decideRestart } from './policy.ts';

/** Slots that one turn replaces. */
const SLOTS_AT_ONCE = 200;

/** Keys are ids of services. */
export function restartLoop(random: RandomBytes, downGraceMs: number): ControlLoop {
  return {
    name: 'restart',
    kinds: ['task', 'node'],
    allKeys: (read) => read.find('service', { by: 'all' }).map((service) => service.id),
    keysOf: (event, read) => {
      if (event.kind === 'task') return concerns(event) ? [event.object.serviceId] : [];
      if (event.kind !== 'node') return [];
      return read.find('task', { by: 'node', value: event.object.id }).map((task) => task.serviceId);
    },
    reconcile: (tx, serviceId, nowMs) => {
      const service = tx.get('service', serviceId);
      if (service === undefined || service.pendingDelete) return undefined;
      const before = tx.size;
      let next = Number.POSITIVE_INFINITY;
      for (const slot of slotsOf(tx.find('task', { by: 'service', value: serviceId }))) {
        if (tx.size - before >= SLOTS_AT_ONCE) return nowMs;
        next = Math.min(next, reconcileSlot(tx, slot, nowMs, downGraceMs, random));
      }
      return next === Number.POSITIVE_INFINITY ? undefined : next;
    },
  };
}

/** Most of what agents report is that a task makes progress, which is nothing to react to. */
function concerns({ change, object, previous }: StoreEvent & { readonly kind: 'task' }): boolean {
  if (change !== 'update') return false;
  return hasEnded(object) || object.nodeId !== previous?.nodeId || object.desiredState !== previous.desiredState;
}

/** When to look again; infinity: not before something changes. */
function reconcileSlot(
  tx: WriteTransaction,
  slot: Slot,
  nowMs: number,
  downGraceMs: number,
  random: RandomBytes,
): number {
  const decision = decideRestart(slot, tx.get('node', slot.current.nodeId), downGraceMs, nowMs);
  if (decision.action === 'wait') return decision.untilMs;
  if (decision.action === 'keep') return Number.POSITIVE_INFINITY;
  tx.update('task', order(slot.current, TaskState.SHUTDOWN, nowMs));
  if (decision.action === 'replace') {
    tx.create('task', replacement(slot.current, newObjectId(random), nowMs, decision.startAfterMs));
  }
  return Number.POSITIVE_INFINITY;
}
