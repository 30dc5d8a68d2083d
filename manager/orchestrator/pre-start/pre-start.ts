/** Writes down that a version's pre_start hooks that run once have succeeded: its other tasks wait for that. */
import type { ControlLoop } from '../../control-loop.ts';
import { finishedPreStart } from '../../placement/pre-start.ts';

/** Keys are ids of services. */
export function preStartLoop(): ControlLoop {
  return {
    name: 'pre-start',
    kinds: ['task'],
    allKeys: (read) => read.find('service', { by: 'all' }).map((service) => service.id),
    keysOf: (event) =>
      event.kind === 'task' && event.object.status.preStartDone === true ? [event.object.serviceId] : [],
    reconcile: (tx, serviceId) => {
      const service = tx.get('service', serviceId);
      if (service === undefined || service.spec.task.container.preStart.length === 0) return undefined;
      const version = finishedPreStart(service, tx.find('task', { by: 'service', value: serviceId }));
      if (version !== undefined && version !== service.preStartVersion) {
        tx.update('service', { ...service, preStartVersion: version });
      }
      return undefined;
    },
  };
}
