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
import { isPaused } from './update-config.ts';

/**
 * The service with this spec, and these ports. What a rollback goes back to stays the last spec that was rolled out: an
 * update that isn't done doesn't count. Whoever deploys again what is paused wants it to go on.
 */
export function withSpec(
  service: ServiceObject,
  spec: CompleteServiceSpec,
  ports: PortConfig[],
  nowMs: number,
): ServiceObject {
  if (sameMessage(ServiceSpec, service.spec, spec) && samePorts(service.ports, ports)) return resumed(service, nowMs);
  const changed = { ...service, ...previousOf(service), spec, ports };
  if (sameTasks(service.spec, service.ports, spec, ports)) return changed;
  const { previousSpec } = service;
  if (previousSpec !== undefined && !isJob(spec) && sameTasks(previousSpec, previousSpec.ports, spec, ports)) {
    return { ...changed, ...wayBack(service, nowMs) };
  }
  return { ...changed, ...newVersion(service), updateStatus: statusOf(spec, 'update in progress', nowMs) };
}

export interface RollbackReason {
  readonly message: string;
  /** Empty: somebody wants it. */
  readonly failedTaskId: string;
}

/** WRONG_STATE when there is nothing to go back to; PORT_IN_USE when its ports were taken meanwhile. `others`: all other services. */
export function rolledBack(
  service: ServiceObject,
  others: readonly ServiceObject[],
  reason: RollbackReason,
  nowMs: number,
): ServiceObject {
  const { previousSpec, spec } = service;
  if (previousSpec === undefined) {
    throw new GantryError('WRONG_STATE', `service ${serviceName(service)} does not have a previous spec`, {
      hint: 'it was not updated since it was created; change it with "gantry service update"',
    });
  }
  const ports = allocatePorts(serviceName(service), previousSpec.ports, service.ports, others);
  const back = { ...service, ...replaced(service), spec: previousSpec, ports };
  if (!isJob(previousSpec)) {
    const updateStatus = { ...begun(UpdateState.ROLLBACK_STARTED, reason.message, nowMs), ...reason };
    return { ...back, specVersion: service.previousSpecVersion, updateStatus };
  }
  // A job that ran before is to run again.
  return sameTasks(spec, service.ports, previousSpec, ports) ? back : { ...back, ...newVersion(service) };
}

type Previous = Pick<ServiceObject, 'previousSpec' | 'previousSpecVersion'>;

function replaced({ spec, specVersion }: ServiceObject): Previous {
  return { previousSpec: spec, previousSpecVersion: specVersion };
}

/** What a rollback goes back to once the service has another spec. */
function previousOf(service: ServiceObject): Previous {
  const { previousSpec, previousSpecVersion } = service;
  const isDone = !isUnfinishedUpdate(service) || previousSpec === undefined;
  return isDone ? replaced(service) : { previousSpec, previousSpecVersion };
}

/** To tasks of which some may be there still: they stay as they are. An unfinished update is thereby rolled back. */
function wayBack(service: ServiceObject, nowMs: number): Partial<ServiceObject> {
  const state = isUnfinishedUpdate(service) ? UpdateState.ROLLBACK_STARTED : UpdateState.UPDATING;
  const updateStatus = begun(state, 'back to the spec before', nowMs);
  return { ...replaced(service), specVersion: service.previousSpecVersion, updateStatus };
}

/** Forwards: on the way back, the spec is one that was rolled out. */
function isUnfinishedUpdate({ updateStatus }: ServiceObject): boolean {
  return updateStatus?.state === UpdateState.UPDATING || updateStatus?.state === UpdateState.PAUSED;
}

/** None that any task has, or had. */
function newVersion({ lastSpecVersion, specVersion }: ServiceObject) {
  const next = Math.max(lastSpecVersion, specVersion) + 1;
  return { specVersion: next, lastSpecVersion: next };
}

function statusOf(spec: CompleteServiceSpec, message: string, nowMs: number): UpdateStatus | undefined {
  return isJob(spec) ? undefined : begun(UpdateState.UPDATING, message, nowMs);
}

function begun(state: UpdateState, message: string, nowMs: number): UpdateStatus {
  return { state, startedAtMs: nowMs, completedAtMs: 0, message, failedTaskId: '' };
}

function resumed(service: ServiceObject, nowMs: number): ServiceObject {
  const { updateStatus } = service;
  if (updateStatus === undefined || !isPaused(updateStatus)) return service;
  const state = updateStatus.state === UpdateState.PAUSED ? UpdateState.UPDATING : UpdateState.ROLLBACK_STARTED;
  return { ...service, updateStatus: begun(state, 'resumed', nowMs) };
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
