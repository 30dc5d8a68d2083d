/** A large cluster's objects: services of equal size, their tasks spread over the nodes, all running. */
import { randomBytes } from 'node:crypto';
import { networkType } from '../../../manager/store/network.ts';
import { nodeType } from '../../../manager/store/node.ts';
import type { AnyObject } from '../../../manager/store/objects.ts';
import { NEVER_UPDATED, NOT_STOPPED, type ServiceObject, serviceType } from '../../../manager/store/service.ts';
import { NO_TASK_STATUS, type TaskObject, taskType } from '../../../manager/store/task.ts';
import {
  MountType,
  NodeAvailability,
  NodeRole,
  NodeState,
  ServiceSpec,
  TaskState,
} from '../../../proto/generated/gantry/v1/types.ts';
import { newObjectId } from '../../../proto/ids.ts';

export interface FleetSize {
  readonly tasks: number;
  readonly services: number;
  readonly nodes: number;
  /** `typical`: as a stack of a compose file makes them. `small`: hardly more than what names and places a task. */
  readonly kind: 'typical' | 'small';
}

export type FleetKind = FleetSize['kind'];

/** What a manager is to be fit for. */
export const SIZE = { tasks: 100_000, services: 3000, nodes: 100 } as const;

const id = () => newObjectId(randomBytes);
const STACK = 'com.docker.stack.namespace';

/** Nodes, then per service its network, itself and its tasks. */
export function* fleet(size: FleetSize): Generator<AnyObject, void, undefined> {
  const nodeIds = Array.from({ length: size.nodes }, id);
  for (const [number, nodeId] of nodeIds.entries()) yield nodeObject(nodeId, number);
  for (let number = 0; number < size.services; number += 1) {
    const replicas =
      Math.floor(((number + 1) * size.tasks) / size.services) - Math.floor((number * size.tasks) / size.services);
    const nodeOf = (slot: number) => nodeIds[(number * 7 + slot) % nodeIds.length] ?? '';
    const network = networkObject(number, new Set(Array.from({ length: replicas }, (_, at) => nodeOf(at + 1))));
    const service = serviceObject(number, replicas, network.object.id, size.kind);
    yield network;
    yield { kind: 'service', object: service };
    for (let slot = 1; slot <= replicas; slot += 1) {
      const object = taskObject(service, slot, nodeOf(slot));
      yield { kind: 'task', object: size.kind === 'small' ? smallTask(object) : object };
    }
  }
}

function nodeObject(nodeId: string, number: number): AnyObject {
  const resources = { nanoCpus: 64e9, memoryBytes: 2 ** 40, pids: 0 };
  const object = nodeType.complete({
    id: nodeId,
    meta: undefined,
    spec: { annotations: undefined, role: NodeRole.WORKER, availability: NodeAvailability.ACTIVE },
    description: {
      hostname: `host${number}`,
      platform: { os: 'linux', architecture: 'amd64' },
      resources,
      engineVersion: '0.1.0',
      engineLabels: {},
      tls: undefined,
      genericResources: [],
      wireguard: undefined,
      ipv6Addresses: [],
      links: ['eth0'],
      networkConfigs: [],
    },
    status: { state: NodeState.READY, message: '', address: `192.0.2.${number % 250}`, stateSinceMs: Date.now() },
    joinedKey: Buffer.alloc(0),
  });
  return { kind: 'node', object };
}

/** With a block of addresses for each of these nodes; the first network has room for blocks on all nodes. */
function networkObject(number: number, nodeIds: ReadonlySet<string>): AnyObject & { readonly kind: 'network' } {
  const [first, second, third] = number === 0 ? [172, 16, 0] : [10, number >> 4, (number & 15) * 16];
  const subnet = `${first}.${second}.${third}.0/${number === 0 ? 12 : 20}`;
  const blocks = [...nodeIds].map((nodeId, at) => {
    return { nodeId, cidr: `${first}.${second}.${third + (at >> 2)}.${(at & 3) * 64}/26` };
  });
  const object = networkType.complete({
    id: id(),
    meta: undefined,
    spec: {
      annotations: { name: `stack${number}_default`, labels: { [STACK]: `stack${number}` } },
      driver: 'overlay',
      driverOpts: {},
      internal: false,
      attachable: false,
      subnet: '',
      gateway: '',
      ipRange: '',
      enableIpv6: false,
      ipv6Subnet: '',
      ipv6Gateway: '',
      configFrom: '',
      auxAddresses: {},
    },
    subnet,
    gateway: '',
    blocks,
    pendingDelete: false,
    vni: 4096 + number,
    ipv6Subnet: '',
    ipv6Gateway: '',
  });
  return { kind: 'network', object };
}

function serviceObject(number: number, replicas: number, network: string, kind: FleetSize['kind']): ServiceObject {
  const name = `stack${number}_web`;
  const labels = { [STACK]: `stack${number}` };
  const typical = {
    image: 'registry.example.com/team/web:1.27.3',
    env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'LOG_LEVEL=info', `DATABASE_URL=postgres://db.stack${number}/web`],
    labels: { ...labels, 'com.example.tier': 'front' },
    mounts: [{ type: MountType.VOLUME, source: `stack${number}_data`, target: '/var/lib/web' }],
  };
  return serviceType.complete({
    id: id(),
    meta: undefined,
    spec: ServiceSpec.fromPartial({
      annotations: { name, labels },
      task: {
        container: kind === 'small' ? { image: 'web:1' } : typical,
        networks: kind === 'small' ? [] : [{ target: network, aliases: ['web'] }],
      },
      mode: { $case: 'replicated', value: { replicas } },
    }),
    ports: [],
    virtualIps: [],
    specVersion: 1,
    dependenciesMet: true,
    notAwaited: [],
    pendingDelete: false,
    ...NOT_STOPPED,
    ...NEVER_UPDATED,
  });
}

function taskObject(service: ServiceObject, slot: number, nodeId: string): TaskObject {
  const [network] = service.spec.task.networks;
  const address = `10.192.${slot >> 8}.${slot & 255}`;
  return taskType.complete({
    id: id(),
    meta: undefined,
    serviceId: service.id,
    serviceName: service.spec.annotations.name,
    slot,
    nodeId,
    spec: service.spec.task,
    specVersion: 1,
    desiredState: TaskState.RUNNING,
    status: {
      ...NO_TASK_STATUS,
      state: TaskState.RUNNING,
      timestampMs: Date.now(),
      containerId: randomBytes(32).toString('hex'),
      pid: 1000 + slot,
      addresses: network === undefined ? [] : [{ networkId: network.target, address }],
    },
    ports: [],
    serviceLabels: service.spec.annotations.labels,
    startAfterMs: 0,
    genericResources: [],
  });
}

function smallTask(task: TaskObject): TaskObject {
  const status = { ...task.status, containerId: '', pid: 0 };
  return { ...task, serviceName: 'web', serviceLabels: {}, status };
}
