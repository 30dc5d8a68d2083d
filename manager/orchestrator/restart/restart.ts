/** Replaces tasks that have ended, or whose node is gone. */

import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { newObjectId, type RandomBytes } from '../../../proto/ids.ts';
import type { ControlLoop } from '../../control-loop.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import { type Slot, slotsOf } from '../slots.ts';
import { order, replacement } from '../tasks.ts';
import { decideRestart } from './policy.ts';

/** Keys are ids of services. */
export function restartLoop(random: RandomBytes, downGraceMs: number): ControlLoop {
  return {
    name: 'restart',
    kinds: ['task', 'node'],
    allKeys: (read) => read.find('service', { by: 'all' }).map((service) => service.id),
    keysOf: (event, read) => {
      if (event.kind === 'task') return event.change === 'update' ? [event.object.serviceId] : [];
      if (event.kind !== 'node') return [];
      return read.find('task', { by: 'node', value: event.object.id }).map((task) => task.serviceId);
    },
    reconcile: (tx, serviceId, nowMs) => {
      const service = tx.get('service', serviceId);
      if (service === undefined || service.pendingDelete) return undefined;
      const times = slotsOf(tx.find('task', { by: 'service', value: serviceId })).map((slot) =>
        reconcileSlot(tx, slot, nowMs, downGraceMs, random),
      );
      const next = Math.min(...times);
      return next === Number.POSITIVE_INFINITY ? undefined : next;
    },
  };
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
