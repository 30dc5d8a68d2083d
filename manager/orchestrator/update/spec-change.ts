/** A service with another spec, and the way back. Pure. */

import { GantryError } from '../../../proto/errors.ts';
import {
  type PortConfig,
  PublishMode,
  ServiceSpec,
  TaskSpec,
  UpdateState,
  type UpdateStatus,
} from '../../../proto/generated/gantry/v1/types.ts';
import { isJob } from '../../../proto/service-mode.ts';
import { allocatePorts } from '../../allocator/ports.ts';
import { canonicalBytes, sameMessage } from '../../store/same-message.ts';
import { type CompleteServiceSpec, type ServiceObject, serviceName } from '../../store/service.ts';
import { isPaused, isUpdating } from './update-config.ts';

/**
 * The service with this spec, and these ports. What a rollback goes back to stays the last spec that was rolled out: an
 * update of one that isn't done doesn't count.
 */
export function withSpec(
  service: ServiceObject,
  spec: CompleteServiceSpec,
  ports: PortConfig[],
  nowMs: number,
): ServiceObject {
  const { previousSpec } = service;
  const rolls = !sameTasks(service.spec, service.ports, spec, ports);
  const undone = isUpdating(service.updateStatus) || isPaused(service.updateStatus);
  if (!rolls) return resumed({ ...service, spec, ports }, nowMs);
  // A job that ran before is to run again.
  const back = !isJob(spec) && previousSpec !== undefined && sameTasks(previousSpec, previousSpec.ports, spec, ports);
  const keepsPrevious = undone && previousSpec !== undefined && !back && !isWayBack(service);
  return {
    ...service,
    spec,
    ports,
    previousSpec: keepsPrevious ? previousSpec : service.spec,
    previousSpecVersion: keepsPrevious ? service.previousSpecVersion : service.specVersion,
    // Tasks that were made from it already stay as they are.
    specVersion: back ? service.previousSpecVersion : nextSpecVersion(service),
    updateStatus: isJob(spec) ? undefined : begun(UpdateState.UPDATING, 'update in progress', nowMs),
  };
}

/** WRONG_STATE when there is nothing to go back to; PORT_IN_USE when its ports were taken meanwhile. `others`: all other services. */
export function rolledBack(
  service: ServiceObject,
  others: readonly ServiceObject[],
  message: string,
  nowMs: number,
): ServiceObject {
  const { previousSpec } = service;
  if (previousSpec === undefined) {
    throw new GantryError('WRONG_STATE', `service ${serviceName(service)} does not have a previous spec`, {
      hint: 'it was not updated since it was created; change it with "gantry service update"',
    });
  }
  return {
    ...service,
    spec: previousSpec,
    ports: allocatePorts(serviceName(service), previousSpec.ports, service.ports, others),
    specVersion: isJob(previousSpec) ? nextSpecVersion(service) : service.previousSpecVersion,
    previousSpec: service.spec,
    previousSpecVersion: service.specVersion,
    updateStatus: isJob(previousSpec) ? undefined : begun(UpdateState.ROLLBACK_STARTED, message, nowMs),
  };
}

function begun(state: UpdateState, message: string, nowMs: number): UpdateStatus {
  return { state, startedAtMs: nowMs, completedAtMs: 0, message };
}

/** Whoever deploys again what is paused wants it to go on. */
function resumed(service: ServiceObject, nowMs: number): ServiceObject {
  const { updateStatus } = service;
  if (updateStatus === undefined || !isPaused(updateStatus)) return service;
  const state = updateStatus.state === UpdateState.PAUSED ? UpdateState.UPDATING : UpdateState.ROLLBACK_STARTED;
  return { ...service, updateStatus: begun(state, 'resumed', nowMs) };
}

/** The spec that is being brought back is one that was rolled out. */
function isWayBack({ updateStatus }: ServiceObject): boolean {
  const state = updateStatus?.state;
  return state === UpdateState.ROLLBACK_STARTED || state === UpdateState.ROLLBACK_PAUSED;
}

/** None that a task may have: the highest there was is always one of these two. */
function nextSpecVersion({ specVersion, previousSpecVersion }: ServiceObject): number {
  return Math.max(specVersion, previousSpecVersion) + 1;
}

/** Whether tasks of the one are as good as tasks of the other. */
function sameTasks(
  before: CompleteServiceSpec,
  portsBefore: readonly PortConfig[],
  after: CompleteServiceSpec,
  ports: readonly PortConfig[],
): boolean {
  return sameMessage(TaskSpec, before.task, after.task) && samePorts(ofHost(portsBefore), ofHost(ports));
}

/** Ports that each task takes for itself: they are part of the container. */
function ofHost(ports: readonly PortConfig[]): PortConfig[] {
  return ports.filter((port) => port.mode === PublishMode.HOST);
}

export function samePorts(a: readonly PortConfig[], b: readonly PortConfig[]): boolean {
  const bytes = (ports: readonly PortConfig[]) =>
    canonicalBytes(ServiceSpec, ServiceSpec.create({ ports: [...ports] }));
  return Buffer.compare(bytes(a), bytes(b)) === 0;
}
