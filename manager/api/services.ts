/** ServiceList, ServiceScale, ServiceRemove, TaskList. */

import { GantryError } from '../../proto/errors.ts';
import type {
  ServiceListRequest,
  ServiceListResponse,
  ServiceRemoveRequest,
  ServiceRemoveResponse,
  ServiceScaleRequest,
  ServiceScaleResponse,
  ServiceSummary,
  TaskListRequest,
  TaskListResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import { ServiceSpec, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { isJob } from '../../proto/service-mode.ts';
import { virtualIpsOfBoth } from '../allocator/virtual-ips.ts';
import { eligibleNodes } from '../orchestrator/global/placement.ts';
import { completedSlots } from '../orchestrator/job/jobs.ts';
import { withSpec } from '../orchestrator/update/spec-change.ts';
import { rulesOf } from '../placement/rules.ts';
import { sameMessage } from '../store/same-message.ts';
import { type ServiceObject, serviceName } from '../store/service.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { stackOf, type TaskObject } from '../store/task.ts';
import { needsOfNetworks, refuseExhausted } from './address-room.ts';
import { checkContainerName } from './container-names.ts';
import type { ApiContext } from './context.ts';
import { asFarAsKnown, withStopTimeout } from './known-format.ts';
import { resolve, resolveNode } from './references.ts';
import { checkServiceNetworks } from './service-networks.ts';
import { checkReplicas } from './stack-validation.ts';

export function serviceList({ store }: ApiContext, request: ServiceListRequest): ServiceListResponse {
  return store.view((read) => {
    const services = selectServices(read, request.stack, request.references);
    services.sort((a, b) => compare(serviceName(a), serviceName(b)));
    return { services: services.map((service) => summarise(read, service)) };
  });
}

function selectServices(read: ReadTransaction, stack: string, references: readonly string[]): ServiceObject[] {
  const inStack =
    stack === '' ? read.find('service', { by: 'all' }) : read.find('service', { by: 'stack', value: stack });
  // One that is being removed is only there for who knows it: to the others its name is free.
  if (references.length === 0) return inStack.filter(({ pendingDelete }) => !pendingDelete);
  const named = new Set(references.map((reference) => resolve(read, 'service', reference)));
  return inStack.filter((service) => named.has(service));
}

function summarise(read: ReadTransaction, service: ServiceObject): ServiceSummary {
  const tasks = read.find('task', { by: 'service', value: service.id });
  const completedTasks = isJob(service.spec) ? completedSlots(service.specVersion, tasks) : 0;
  const runningTasks = tasks.filter(runs).length;
  return {
    service: { ...service, virtualIps: virtualIpsOfBoth(read, service), pullCredentials: undefined },
    runningTasks,
    completedTasks,
    desiredTasks: desiredTasks(read, service, completedTasks),
  };
}

function runs(task: TaskObject): boolean {
  return task.status.state === TaskState.RUNNING && task.desiredState === TaskState.RUNNING;
}

function desiredTasks(read: ReadTransaction, service: ServiceObject, completed: number): number {
  if (service.pendingDelete || (service.stopped && !service.startsAgain)) return 0;
  const { mode } = service.spec;
  if (mode?.$case === 'replicated') return mode.value.replicas;
  if (mode?.$case === 'replicatedJob') {
    return Math.min(mode.value.maxConcurrent, Math.max(mode.value.totalCompletions - completed, 0));
  }
  const nodes = eligibleNodes(read.find('node', { by: 'all' }), rulesOf(service.spec.placement));
  return mode?.$case === 'globalJob' ? Math.max(nodes - completed, 0) : nodes;
}

export function serviceScale(
  { store, clock }: ApiContext,
  request: ServiceScaleRequest,
): Promise<ServiceScaleResponse> {
  return store.update((tx) => {
    const before = needsOfNetworks(tx);
    for (const [reference, replicas] of Object.entries(request.replicas)) {
      const service = live(resolve(tx, 'service', reference));
      checkReplicas(serviceName(service), replicas);
      const mode = scaled(service, replicas);
      checkContainerName({ ...service.spec, mode });
      checkServiceNetworks({ ...service.spec, mode });
      if (sameMode(mode, service.spec.mode)) continue;
      const changed = withSpec(service, { ...service.spec, mode }, service.ports, clock.now());
      tx.update('service', asFarAsKnown(tx, changed));
    }
    refuseExhausted(tx, before);
    return {};
  });
}

/** Of a job: how often it is to complete in all. */
function scaled(service: ServiceObject, replicas: number): NonNullable<ServiceSpec['mode']> {
  const { mode } = service.spec;
  if (mode?.$case === 'replicated') return { $case: 'replicated', value: { replicas } };
  if (mode?.$case === 'replicatedJob') {
    return { $case: 'replicatedJob', value: { ...mode.value, totalCompletions: replicas } };
  }
  throw new GantryError('WRONG_STATE', `service ${serviceName(service)} is global and can't be scaled`, {
    hint: 'it has one task on every node',
  });
}

function sameMode(a: ServiceSpec['mode'], b: ServiceSpec['mode']): boolean {
  return sameMessage(ServiceSpec, ServiceSpec.create({ mode: a }), ServiceSpec.create({ mode: b }));
}

/** What depends on others of them ends before them: see the reaper. */
export function serviceRemove({ store }: ApiContext, request: ServiceRemoveRequest): Promise<ServiceRemoveResponse> {
  return store.update((tx) => {
    for (const reference of request.references) {
      const service = withStopTimeout(tx, resolve(tx, 'service', reference), request.timeoutMs);
      if (!service.pendingDelete) tx.update('service', { ...service, pendingDelete: true });
    }
    return {};
  });
}

/** NOT_FOUND for one that is on its way out. */
export function live(service: ServiceObject): ServiceObject {
  if (!service.pendingDelete) return service;
  throw new GantryError('NOT_FOUND', `service ${serviceName(service)} is being removed`);
}

export function taskList({ store }: ApiContext, request: TaskListRequest): TaskListResponse {
  return store.view((read) => {
    const services = new Set(request.services.map((reference) => resolve(read, 'service', reference).id));
    const nodes = new Set(request.nodes.map((reference) => resolveNode(read, reference).id));
    return {
      tasks: candidates(read, services, nodes, request.stack)
        .filter((task) => request.stack === '' || stackOf(task) === request.stack)
        .filter((task) => services.size === 0 || services.has(task.serviceId))
        .filter((task) => nodes.size === 0 || nodes.has(task.nodeId))
        .sort(byServiceAndSlot),
    };
  });
}

/** All that the filters can let pass, by whichever of them is the narrowest. */
function candidates(
  read: ReadTransaction,
  services: ReadonlySet<string>,
  nodes: ReadonlySet<string>,
  stack: string,
): TaskObject[] {
  if (services.size > 0) return [...services].flatMap((value) => read.find('task', { by: 'service', value }));
  if (stack !== '') return read.find('task', { by: 'stack', value: stack });
  if (nodes.size > 0) return [...nodes].flatMap((value) => read.find('task', { by: 'node', value }));
  return read.find('task', { by: 'all' });
}

/** In a slot, the newest first. */
function byServiceAndSlot(a: TaskObject, b: TaskObject): number {
  return (
    compare(a.serviceName, b.serviceName) ||
    a.slot - b.slot ||
    (a.slot === 0 ? compare(a.nodeId, b.nodeId) : 0) ||
    b.meta.createdAtMs - a.meta.createdAtMs ||
    compare(a.id, b.id)
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
