/** Services as every node's name server and load balancer must know them. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type ContainerSpec,
  type Endpoint,
  type NetworkAttachmentConfig,
  ServiceEndpoints,
  type TaskAddress,
  TaskState,
} from '../../proto/generated/gantry/v1/types.ts';
import { containerName } from '../../proto/task-name.ts';
import { type NetworkOf, publishedPorts } from '../store/published-ports.ts';
import { type ServiceObject, serviceName } from '../store/service.ts';
import type { Store } from '../store/store.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { TaskObject } from '../store/task.ts';
import type { StoreEvent } from '../store/watch.ts';

/**
 * Undefined for a service that nobody can reach, or that is being removed, once its tasks are to end: until then it keeps its
 * name for those that end before it, but no ports, which others may take. `networkOf`: what there is of a network, by id; nodes are
 * told of no port that leads to nobody, and which they would send on to each other. Pure.
 */
export function endpointsOf(
  service: ServiceObject,
  tasks: readonly TaskObject[],
  networkOf: NetworkOf = () => undefined,
): ServiceEndpoints | undefined {
  const { networks } = service.spec.task;
  if (service.pendingDelete && !tasks.some(takesTraffic)) return undefined;
  if (networks.length === 0 && service.ports.length === 0) return undefined;
  return {
    serviceId: service.id,
    serviceName: serviceName(service),
    networks: withContainerName(networks, service.spec.task.container),
    ports: service.pendingDelete ? [] : publishedPorts(service, networkOf),
    virtualIps: service.virtualIps,
    ingressScope: service.spec.ingressScope,
    endpoints: tasks
      .filter(takesTraffic)
      .sort((a, b) => a.slot - b.slot || (a.id < b.id ? -1 : 1))
      .map((task) => ({
        taskId: task.id,
        slot: task.slot,
        nodeId: task.nodeId,
        containerName: containerName(task),
        addresses: task.status.addresses,
      })),
  };
}

/** Who has the name of the container means its service. */
function withContainerName(
  networks: readonly NetworkAttachmentConfig[],
  { containerName: name }: Pick<ContainerSpec, 'containerName'>,
): NetworkAttachmentConfig[] {
  if (name === '') return [...networks];
  return networks.map((network) => ({ ...network, aliases: [...new Set([...network.aliases, name])] }));
}

function takesTraffic(task: TaskObject): boolean {
  return isReachable(task) && task.desiredState === TaskState.RUNNING;
}

function isLeaving(task: TaskObject): boolean {
  return isReachable(task) && task.desiredState > TaskState.RUNNING;
}

/** Also of a service that isn't in the table any more: nodes may not have heard of that. */
function newlyLeaving({ kind, change, object, previous }: StoreEvent): TaskObject[] {
  if (kind !== 'task' || change === 'remove' || !isLeaving(object)) return [];
  return previous !== undefined && isLeaving(previous) ? [] : [object];
}

function isReachable({ status }: TaskObject): boolean {
  return status.state === TaskState.RUNNING && status.addresses.length > 0;
}

/** Services of which the endpoints are put together at once. */
const SERVICES_AT_ONCE = 50;

/** The endpoints of all services, kept up to date with events; an entry is replaced only when it differs. */
export class EndpointTable {
  readonly #byService = new Map<string, ServiceEndpoints>();
  #leaving: TaskObject[] = [];

  /** Of the services that there are now; what changes meanwhile must be applied later, even if it is in there already. */
  static async of(store: Pick<Store, 'view'>): Promise<EndpointTable> {
    const table = new EndpointTable();
    const ids = store.view((read) => read.find('service', { by: 'all' }).map((service) => service.id));
    for (let begin = 0; begin < ids.length; begin += SERVICES_AT_ONCE) {
      const some = ids.slice(begin, begin + SERVICES_AT_ONCE);
      store.view((read) => some.forEach((id) => void table.#begin(id, read)));
      await nextTurn();
    }
    return table;
  }

  all(): Iterable<ServiceEndpoints> {
    return this.#byService.values();
  }

  get(serviceId: string): ServiceEndpoints | undefined {
    return this.#byService.get(serviceId);
  }

  /** Tasks that run, but are to stop, and so are in here no longer; each is returned once. */
  takeLeaving(): TaskObject[] {
    return this.#leaving.splice(0);
  }

  /** Returns the services of which anything is different now. */
  apply(events: readonly StoreEvent[], read: ReadTransaction): string[] {
    const services = new Set<string>();
    for (const event of events) {
      if (event.kind === 'service') services.add(event.object.id);
      else if (event.kind === 'task') services.add(event.object.serviceId);
    }
    this.#leaving.push(...events.flatMap(newlyLeaving));
    return [...services].filter((id) => this.#refresh(id, read));
  }

  /** Nodes may have been told of tasks that have left since. */
  #begin(serviceId: string, read: ReadTransaction): void {
    this.#refresh(serviceId, read);
    this.#leaving.push(...read.find('task', { by: 'service', value: serviceId }).filter(isLeaving));
  }

  #refresh(serviceId: string, read: ReadTransaction): boolean {
    const service = read.get('service', serviceId);
    const tasks = read.find('task', { by: 'service', value: serviceId });
    const next = service && endpointsOf(service, tasks, (networkId) => read.get('network', networkId));
    const known = this.#byService.get(serviceId);
    if (next === undefined) return this.#byService.delete(serviceId);
    if (known !== undefined && same(known, next)) return false;
    this.#byService.set(serviceId, next);
    return true;
  }
}

function same(a: ServiceEndpoints, b: ServiceEndpoints): boolean {
  return (
    a.endpoints.length === b.endpoints.length &&
    a.endpoints.every((endpoint, position) => sameEndpoint(endpoint, b.endpoints[position])) &&
    isSameHead(a, b)
  );
}

/** All but the endpoints, which may be many. */
export function isSameHead(a: ServiceEndpoints, b: ServiceEndpoints): boolean {
  return encodedHead(a).equals(encodedHead(b));
}

function encodedHead(service: ServiceEndpoints): Buffer {
  return Buffer.from(ServiceEndpoints.encode({ ...service, endpoints: [] }).finish());
}

export function sameEndpoint(a: Endpoint, b: Endpoint | undefined): boolean {
  if (a.taskId !== b?.taskId || a.nodeId !== b.nodeId || a.slot !== b.slot) return false;
  return a.containerName === b.containerName && sameAddresses(a.addresses, b.addresses);
}

function sameAddresses(a: readonly TaskAddress[], b: readonly TaskAddress[]): boolean {
  if (a === b) return true;
  return (
    a.length === b.length &&
    a.every(({ networkId, address }, at) => networkId === b[at]?.networkId && address === b[at]?.address)
  );
}
