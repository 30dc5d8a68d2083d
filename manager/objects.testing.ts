/** Specs and objects for tests: whatever isn't given is as a user would leave it. */
import {
  type Dependency,
  type GenericResource,
  MountType,
  type NetworkConfig,
  NodeAvailability,
  NodeRole,
  NodeState,
  type Placement,
  type Platform,
  type PortConfig,
  ServiceSpec,
  TaskState,
} from '../proto/generated/gantry/v1/types.ts';
import { TASK_FORMAT } from '../proto/task-format.ts';
import { type NodeObject, nodeType } from './store/node.ts';
import { type ServiceObject, serviceType } from './store/service.ts';
import { NO_TASK_STATUS, type TaskObject, taskType } from './store/task.ts';

export interface ServiceOptions {
  readonly replicas?: number;
  readonly image?: string;
  readonly networks?: readonly string[];
  readonly ports?: readonly Partial<PortConfig>[];
  readonly dependencies?: readonly (Pick<Dependency, 'service'> & Partial<Dependency>)[];
  readonly secrets?: readonly string[];
  readonly configs?: readonly string[];
  readonly global?: boolean;
  readonly networkOf?: string;
  /** Commands: "each:COMMAND" runs for each task. */
  readonly preStart?: readonly string[];
  readonly volumes?: readonly string[];
  readonly placement?: Placement | undefined;
}

export function serviceSpec(name: string, options: ServiceOptions = {}): ServiceSpec {
  const file = (reference: string) => ({ name: reference, target: `/run/${reference}` });
  return ServiceSpec.fromPartial({
    annotations: { name, labels: {} },
    task: {
      container: {
        image: options.image ?? 'hello:latest',
        networkOf: options.networkOf ?? '',
        preStart: (options.preStart ?? []).map((text) => ({
          hook: { argv: [text.replace('each:', '')] },
          perReplica: text.startsWith('each:'),
        })),
        secrets: (options.secrets ?? []).map(file),
        configs: (options.configs ?? []).map(file),
        mounts: (options.volumes ?? []).map((source) => ({ type: MountType.VOLUME, source, target: `/${source}` })),
      },
      networks: (options.networks ?? []).map((target) => ({ target, aliases: [] })),
    },
    mode:
      options.global === true
        ? { $case: 'global', value: {} }
        : { $case: 'replicated', value: { replicas: options.replicas ?? 1 } },
    ports: [...(options.ports ?? [])],
    dependencies: [...(options.dependencies ?? [])],
    ...(options.placement === undefined ? {} : { placement: options.placement }),
  });
}

export function service(id: string, options: ServiceOptions & Partial<ServiceObject> = {}): ServiceObject {
  return {
    ...serviceType.complete({
      id,
      meta: undefined,
      spec: serviceSpec(id, options),
      ports: [],
      virtualIps: [],
      specVersion: options.specVersion ?? 1,
      dependenciesMet: options.dependenciesMet ?? true,
      notAwaited: options.notAwaited ?? [],
      pendingDelete: options.pendingDelete ?? false,
      stopped: options.stopped ?? false,
      startsAgain: false,
      previousSpec: options.previousSpec,
      previousSpecVersion: options.previousSpecVersion ?? 0,
      updateStatus: options.updateStatus,
      lastSpecVersion: options.lastSpecVersion ?? 0,
    }),
    ...(options.spec === undefined ? {} : { spec: options.spec }),
  };
}

export interface TaskOptions extends Partial<Omit<TaskObject, 'status' | 'meta'>> {
  readonly state?: TaskState;
  readonly pid?: number;
  readonly createdAtMs?: number;
  readonly addresses?: TaskObject['status']['addresses'];
}

export function task(id: string, options: TaskOptions = {}): TaskObject {
  const { state = TaskState.RUNNING, pid = 0, createdAtMs = 0, addresses = [], ...fields } = options;
  return {
    ...taskType.complete({
      id,
      meta: { version: 1, createdAtMs, updatedAtMs: createdAtMs, createdVersion: createdAtMs + 1 },
      serviceId: 'web',
      serviceName: 'web',
      slot: 1,
      nodeId: state >= TaskState.ASSIGNED ? 'n1' : '',
      spec: undefined,
      specVersion: 1,
      desiredState: TaskState.RUNNING,
      status: { ...NO_TASK_STATUS, state, pid, addresses },
      ports: [],
      serviceLabels: {},
      startAfterMs: 0,
      genericResources: [],
    }),
    ...fields,
  };
}

export interface NodeOptions {
  readonly state?: NodeState;
  readonly availability?: NodeAvailability;
  readonly stateSinceMs?: number;
  readonly nanoCpus?: number;
  readonly memoryBytes?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly engineLabels?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  readonly genericResources?: readonly GenericResource[];
  readonly role?: NodeRole;
  /** It has WireGuard. */
  readonly encrypts?: boolean;
  readonly links?: readonly string[];
  readonly networkConfigs?: readonly NetworkConfig[];
  readonly address?: string;
  readonly taskFormat?: number;
}

export function node(id: string, options: NodeOptions = {}): NodeObject {
  return nodeType.complete({
    id,
    meta: undefined,
    spec: {
      annotations: { name: '', labels: { ...options.labels } },
      role: options.role ?? NodeRole.WORKER,
      availability: options.availability ?? NodeAvailability.ACTIVE,
    },
    description: {
      hostname: id,
      platform: options.platform,
      resources: { nanoCpus: options.nanoCpus ?? 4e9, memoryBytes: options.memoryBytes ?? 2 ** 32, pids: 0 },
      engineVersion: '',
      engineLabels: { ...options.engineLabels },
      tls: undefined,
      genericResources: [...(options.genericResources ?? [])],
      ipv6Addresses: [],
      links: [...(options.links ?? [])],
      networkConfigs: [...(options.networkConfigs ?? [])],
      taskFormat: options.taskFormat ?? TASK_FORMAT,
      wireguard:
        options.encrypts === true ? { publicKey: Buffer.alloc(32, 1).toString('base64'), missing: '' } : undefined,
    },
    status: {
      state: options.state ?? NodeState.READY,
      message: '',
      address: options.address ?? '192.0.2.1',
      stateSinceMs: options.stateSinceMs ?? 0,
    },
    joinedKey: Buffer.alloc(0),
  });
}
