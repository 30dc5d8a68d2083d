/** Runs a job's tasks until as many have completed as it says, or one on each node. */

import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { newObjectId, type RandomBytes } from '../../../proto/ids.ts';
import { isJob } from '../../../proto/service-mode.ts';
import type { ControlLoop } from '../../control-loop.ts';
import { rulesOf } from '../../placement/rules.ts';
import type { ServiceObject } from '../../store/service.ts';
import type { ReadTransaction } from '../../store/tables.ts';
import type { WriteTransaction } from '../../store/transaction.ts';
import type { StoreEvent } from '../../store/watch.ts';
import { newTask, order } from '../tasks.ts';
import { type JobPlan, planGlobalJob, planReplicatedJob } from './jobs.ts';

/** Tasks that one turn makes or removes; what that changes brings the service back for the next ones. */
const TASKS_AT_ONCE = 200;

/** Keys are ids of services. */
export function jobLoop(random: RandomBytes): ControlLoop {
  return {
    name: 'job',
    kinds: ['service', 'task', 'node'],
    allKeys: jobs,
    keysOf: (event, read) => {
      if (event.kind === 'node') return jobs(read);
      if (event.kind === 'service') return [event.object.id];
      return event.kind === 'task' && concerns(event) ? [event.object.serviceId] : [];
    },
    reconcile: (tx, serviceId, nowMs) => reconcile(tx, serviceId, nowMs, random),
  };
}

function jobs(read: ReadTransaction): string[] {
  const services = read.find('service', { by: 'all' });
  return services.filter(({ spec }) => isJob(spec)).map(({ id }) => id);
}

/** Whether its slot may be done, or open again. */
function concerns({ object, previous }: StoreEvent & { readonly kind: 'task' }): boolean {
  return object.desiredState !== previous?.desiredState || object.status.state === TaskState.COMPLETE;
}

function reconcile(tx: WriteTransaction, serviceId: string, nowMs: number, random: RandomBytes): undefined {
  const service = tx.get('service', serviceId);
  if (service === undefined || service.pendingDelete || service.stopped) return;
  const plan = planOf(tx, service);
  if (plan === undefined) return;
  for (const task of plan.remove.slice(0, TASKS_AT_ONCE)) tx.update('task', order(task, TaskState.REMOVE, nowMs));
  for (const place of plan.create.slice(0, TASKS_AT_ONCE)) {
    tx.create('task', newTask(service, place, newObjectId(random), nowMs));
  }
}

function planOf(read: ReadTransaction, { id, spec, specVersion }: ServiceObject): JobPlan | undefined {
  const tasks = () => read.find('task', { by: 'service', value: id });
  switch (spec.mode?.$case) {
    case 'replicatedJob':
      return planReplicatedJob(spec.mode.value, specVersion, tasks());
    case 'globalJob':
      return planGlobalJob(read.find('node', { by: 'all' }), rulesOf(spec.placement), specVersion, tasks());
    default:
      return undefined;
  }
}
