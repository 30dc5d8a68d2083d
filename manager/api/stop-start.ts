/** ServiceStop, ServiceRestart and ServiceStart. */
import type {
  ServiceRestartRequest,
  ServiceRestartResponse,
  ServiceStartRequest,
  ServiceStartResponse,
  ServiceStopRequest,
  ServiceStopResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import { restartServices, startService, stopService } from '../orchestrator/stop/stopping.ts';
import { awaiting, type ServiceObject, serviceName } from '../store/service.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { ApiContext } from './context.ts';
import { checkKnowsLeftOut, checkKnowsStopped } from './known-format.ts';
import { resolve } from './references.ts';
import { live } from './services.ts';

/** WRONG_STATE while there is a manager that would start them again. */
export function serviceStop(
  { store }: ApiContext,
  { references, timeoutMs }: ServiceStopRequest,
): Promise<ServiceStopResponse> {
  return store.update((tx) => {
    checkKnowsStopped(tx, 'services can be stopped');
    for (const service of servicesOf(tx, references)) stopService(tx, service, { timeoutMs });
    return {};
  });
}

/** WRONG_STATE as above. */
export function serviceRestart(
  { store }: ApiContext,
  { references, timeoutMs, withDependents }: ServiceRestartRequest,
): Promise<ServiceRestartResponse> {
  return store.update((tx) => {
    checkKnowsStopped(tx, 'services can be restarted');
    const named = servicesOf(tx, references);
    const services = withDependents ? withRestarting(tx, named) : named;
    restartServices(tx, services, { timeoutMs });
    return { restarted: services.map(({ id }) => id) };
  });
}

/** WRONG_STATE as above, for what isn't to be waited for. */
export function serviceStart(
  { store, clock }: ApiContext,
  { references, notAwaited }: ServiceStartRequest,
): Promise<ServiceStartResponse> {
  const leftOut = new Set(notAwaited);
  return store.update((tx) => {
    checkKnowsLeftOut(tx, leftOut);
    const started = servicesOf(tx, references).filter((service) =>
      startService(tx, service, clock.now(), awaiting(service.spec, leftOut)),
    );
    return { started: started.map(({ id }) => id) };
  });
}

function servicesOf(read: ReadTransaction, references: readonly string[]): ServiceObject[] {
  return references.map((reference) => live(resolve(read, 'service', reference)));
}

/** And those that say of one of them, or of one of those, that they restart with it; what is stopped stays so. */
function withRestarting(read: ReadTransaction, named: readonly ServiceObject[]): ServiceObject[] {
  const all = new Map(named.map((service) => [service.id, service]));
  // Those that are added come round, too.
  for (const service of all.values()) {
    for (const dependent of read.find('service', { by: 'restartsWith', value: serviceName(service) })) {
      const runs = !dependent.pendingDelete && (!dependent.stopped || dependent.startsAgain);
      if (runs) all.set(dependent.id, dependent);
    }
  }
  return [...all.values()];
}
