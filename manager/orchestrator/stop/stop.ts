/** Keeps stopped services without tasks. */
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import type { ControlLoop } from '../../control-loop.ts';
import { isWanted } from '../../store/task.ts';
import { order } from '../tasks.ts';

/** Keys are ids of services. Whatever made a task of one meanwhile: it is not to run. */
export function stopLoop(): ControlLoop {
  return {
    name: 'stop',
    kinds: ['service', 'task'],
    allKeys: (read) => read.find('service', { by: 'all' }).flatMap(({ id, stopped }) => (stopped ? [id] : [])),
    keysOf: (event) => {
      if (event.kind === 'service') return event.object.stopped ? [event.object.id] : [];
      return event.kind === 'task' && event.change === 'create' ? [event.object.serviceId] : [];
    },
    reconcile: (tx, serviceId, nowMs) => {
      if (tx.get('service', serviceId)?.stopped !== true) return undefined;
      for (const task of tx.find('task', { by: 'service', value: serviceId }).filter(isWanted)) {
        tx.update('task', order(task, TaskState.SHUTDOWN, nowMs));
      }
      return undefined;
    },
  };
}
