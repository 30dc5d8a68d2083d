/** Replaces tasks that have ended, or whose node is gone. */

import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { newObjectId, type RandomBytes } from '../../../proto/ids.ts';
import type { ControlLoop } from '../../control-loop.ts';
import { hasLostNetwork } from '../../placement/shared-network.ts';
import type { ServiceObject } from '../../store/service.ts';
import type { ReadTransaction } from '../../store/tables.ts';
import { hasEnded, isWanted, type TaskObject } from '../../store/task.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import type { StoreEvent } from '../../store/watch.ts';
import { type Slot, slotsOf } from '../slots.ts';
import { order, replacement } from '../tasks.ts';
import { isPaused, isStartFirst } from '../update/update-config.ts';
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
      if (event.kind === 'task') return concerns(event) ? concerned(event.object, read) : [];
      if (event.kind !== 'node') return [];
      return read.find('task', { by: 'node', value: event.object.id }).map((task) => task.serviceId);
    },
    reconcile: (tx, serviceId, nowMs) => {
      const service = tx.get('service', serviceId);
      if (service === undefined || service.pendingDelete || service.stopped) return undefined;
      const before = tx.size;
      let next = Number.POSITIVE_INFINITY;
      for (const slot of slotsOf(tx.find('task', { by: 'service', value: serviceId }))) {
        if (tx.size - before >= SLOTS_AT_ONCE) return nowMs;
        for (const task of restartable(slot, service)) {
          const seen = {
            ...slot,
            current: task,
            history: [slot.current, ...slot.history].filter((one) => one !== task),
          };
          next = Math.min(next, reconcileSlot(tx, service, seen, { nowMs, downGraceMs, random }));
        }
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

/** Its own service, and those whose tasks are on its network. */
function concerned({ serviceId, serviceName }: TaskObject, read: ReadTransaction): string[] {
  return [serviceId, ...read.find('service', { by: 'sharesNetwork', value: serviceName }).map(({ id }) => id)];
}

/**
 * While an update that starts tasks first is paused, a slot's old task must do the work, too; else what it has beside its
 * newest is about to go.
 */
function restartable(slot: Slot, { updateStatus }: ServiceObject): readonly TaskObject[] {
  if (!isPaused(updateStatus)) return [slot.current];
  return [slot.current, ...slot.history.filter(isWanted)];
}

interface Circumstances {
  readonly nowMs: number;
  readonly downGraceMs: number;
  readonly random: RandomBytes;
}

/** When to look again; infinity: not before something changes. */
function reconcileSlot(
  tx: WriteTransaction,
  service: ServiceObject,
  slot: Slot,
  { nowMs, downGraceMs, random }: Circumstances,
): number {
  const { nodeId, networkTaskId } = slot.current;
  const peer = networkTaskId === undefined ? undefined : tx.get('task', networkTaskId);
  const lostNetwork = hasLostNetwork(slot.current, peer);
  const decision = decideRestart(slot, { node: tx.get('node', nodeId), lostNetwork, downGraceMs, nowMs });
  if (decision.action === 'wait') return decision.untilMs;
  if (decision.action === 'keep') return Number.POSITIVE_INFINITY;
  if (decision.action !== 'move' || !staysUntilReplaced(service, slot.current)) {
    tx.update('task', order(slot.current, TaskState.SHUTDOWN, nowMs));
  }
  if (decision.action !== 'retire') {
    const startAfterMs = decision.action === 'replace' ? decision.startAfterMs : 0;
    tx.create('task', replacement(slot.current, newObjectId(random), nowMs, startAfterMs));
  }
  return Number.POSITIVE_INFINITY;
}

/** The update loop stops it once the other one runs. */
function staysUntilReplaced({ spec }: ServiceObject, task: TaskObject): boolean {
  return isStartFirst(spec.update) && task.status.state === TaskState.RUNNING;
}
