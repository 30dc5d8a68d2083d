/** ServiceStop and ServiceStart. */
import type {
  ServiceStartRequest,
  ServiceStartResponse,
  ServiceStopRequest,
  ServiceStopResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import { startService, stopService } from '../orchestrator/stop/stopping.ts';
import { FORMAT_OF_STOPPED_SERVICES } from '../store/state-format.ts';
import { theCluster } from '../store/the-cluster.ts';
import type { ApiContext } from './context.ts';
import { notKnownToAll } from './known-format.ts';
import { resolve } from './references.ts';
import { live } from './services.ts';

/** WRONG_STATE while there is a manager that would start them again. */
export function serviceStop({ store, clock }: ApiContext, request: ServiceStopRequest): Promise<ServiceStopResponse> {
  return store.update((tx) => {
    if (theCluster(tx).stateFormat < FORMAT_OF_STOPPED_SERVICES) throw notKnownToAll('services can be stopped');
    for (const reference of request.references) {
      stopService(tx, live(resolve(tx, 'service', reference)), request.timeoutMs, clock.now());
    }
    return {};
  });
}

export function serviceStart(
  { store, clock }: ApiContext,
  request: ServiceStartRequest,
): Promise<ServiceStartResponse> {
  return store.update((tx) => {
    const services = request.references.map((reference) => live(resolve(tx, 'service', reference)));
    const started = services.filter((service) => startService(tx, service, clock.now()));
    return { started: started.map(({ id }) => id) };
  });
}
