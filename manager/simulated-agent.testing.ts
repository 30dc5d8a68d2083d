/** An agent without an engine: speaks the Dispatcher protocol over gRPC and says that containers run. For tests. */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { connectClient, responses } from '../proto/client.ts';
import { encodeErrorDetail, GantryError } from '../proto/errors.ts';
import {
  type AssignmentChange,
  DispatcherClient,
  type OpenStream,
  type SessionRequest,
  type SessionResponse,
  type TunnelFrame,
} from '../proto/generated/gantry/v1/dispatcher.ts';
import {
  ContainerLogsRequest,
  LogLine,
  type PortConflict,
  PortProbeRequest,
  PortProbeResponse,
  SourceProbeRequest,
  SourceProbeResponse,
} from '../proto/generated/gantry/v1/engine.ts';
import {
  type Platform,
  type ServiceEndpoints,
  type Task,
  TaskState,
  TaskStatus,
} from '../proto/generated/gantry/v1/types.ts';
import { INGRESS_NETWORK } from '../proto/ingress-network.ts';
import { TASK_FORMAT } from '../proto/task-format.ts';

export class SimulatedAgent {
  readonly nodeId: string;
  /** Tasks that it was assigned and hasn't been told to forget. */
  readonly tasks = new Map<string, Task>();
  readonly endpoints = new Map<string, ServiceEndpoints>();
  /** Of those that its tasks use. */
  readonly networks = new Map<string, readonly string[]>();
  readonly files = new Set<string>();
  /** Last reported status by task. */
  readonly reported = new Map<string, TaskStatus>();
  /** All task ids it was ever told to run. */
  readonly started = new Set<string>();
  /** Services whose tasks stay STARTING, as with a healthcheck that hasn't passed. */
  readonly unhealthy = new Set<string>();
  /** Services whose tasks end with exit code 0 at once. */
  readonly oneShot = new Set<string>();
  /** Ports that a process of the host holds, as ADDRESS:PORT, and which. */
  readonly takenPorts = new Map<string, string>();
  /** Of mounts, which its host has. */
  readonly sources = new Set<string>();
  readonly #client: DispatcherClient;
  readonly #session: ClientDuplexStream<SessionRequest, SessionResponse>;
  readonly #reading: Promise<void>;
  readonly #heartbeats: NodeJS.Timeout;
  #addresses = 0;

  constructor(socketPath: string, nodeId: string, heartbeatMs = 50) {
    this.nodeId = nodeId;
    this.#client = connectClient(DispatcherClient, { kind: 'unix', path: socketPath });
    this.#session = this.#client.session();
    this.#session.write({
      message: {
        $case: 'hello',
        value: {
          nodeId,
          address: '192.0.2.1',
          takesEndpointChanges: false,
          tellsAttachments: false,
          description: {
            hostname: `host-${nodeId}`,
            platform: { os: 'linux', architecture: 'amd64' },
            resources: { nanoCpus: 4e9, memoryBytes: 8 * 2 ** 30, pids: 0 },
            engineVersion: 'test',
            engineLabels: {},
            tls: undefined,
            genericResources: [],
            wireguard: undefined,
            ipv6Addresses: [],
            links: ['eth0'],
            networkConfigs: [],
            taskFormat: TASK_FORMAT,
          },
        },
      },
    });
    this.#heartbeats = setInterval(
      () => this.#session.write({ message: { $case: 'heartbeat', value: {} } }),
      heartbeatMs,
    );
    this.#reading = this.#read();
  }

  /** Its containers go on, as those of an agent that was killed. */
  async disconnect(): Promise<void> {
    clearInterval(this.#heartbeats);
    this.#session.cancel();
    await this.#reading;
    this.#client.close();
  }

  /** What an agent that restarts knows of its containers. */
  adopt(other: SimulatedAgent): void {
    for (const [id, status] of other.reported) this.reported.set(id, status);
    for (const id of other.started) this.started.add(id);
  }

  /** All images it has, each with one name. */
  reportImages(names: readonly string[], platform: Platform): void {
    const put = names.map((name) => ({ id: `sha256:${name}`, names: [name], platform, otherPlatforms: [] }));
    this.#session.write({ message: { $case: 'images', value: { complete: true, put, removed: [], partial: false } } });
  }

  /** All volumes it has. */
  reportVolumes(names: string[]): void {
    this.#session.write({ message: { $case: 'volumes', value: { names, mounted: [] } } });
  }

  report(taskId: string, status: Partial<TaskStatus>): void {
    const full = TaskStatus.fromPartial({ ...this.reported.get(taskId), timestampMs: Date.now(), ...status });
    this.reported.set(taskId, full);
    this.#session.write({ message: { $case: 'statuses', value: { updates: [{ taskId, status: full }] } } });
  }

  /** Lets the tasks of a service that was unhealthy become healthy. */
  heal(serviceName: string): void {
    this.unhealthy.delete(serviceName);
    for (const task of this.tasks.values()) if (task.serviceName === serviceName) this.#act(task);
  }

  async #read(): Promise<void> {
    try {
      for await (const { message } of responses(this.#session as ClientDuplexStream<never, SessionResponse>)) {
        if (message?.$case === 'openStream') void this.#serve(message.value);
        if (message?.$case !== 'assignments') continue;
        if (message.value.complete) this.#forgetAll();
        for (const change of message.value.changes) this.#apply(change);
        const { version } = message.value;
        this.#session.write({ message: { $case: 'applied', value: { version } } });
      }
    } catch {
      // The manager has gone; the test decides what happens next.
    }
  }

  #forgetAll(): void {
    this.tasks.clear();
    this.endpoints.clear();
    this.networks.clear();
    this.files.clear();
  }

  #apply({ removed, item }: AssignmentChange): void {
    switch (item?.$case) {
      case 'task':
        if (removed) this.tasks.delete(item.value.id);
        else this.tasks.set(item.value.id, item.value);
        if (!removed) this.#act(item.value);
        break;
      case 'endpoints':
        if (removed) this.endpoints.delete(item.value.serviceId);
        else this.endpoints.set(item.value.serviceId, item.value);
        break;
      case 'network':
        if (item.value.network?.id === INGRESS_NETWORK) break;
        if (removed) this.networks.delete(item.value.network?.id ?? '');
        else this.networks.set(item.value.network?.id ?? '', item.value.blocks);
        break;
      case 'secret':
      case 'config':
        if (removed) this.files.delete(item.value.id);
        else this.files.add(item.value.id);
        break;
      default:
        break;
    }
  }

  #act(task: Task): void {
    const state = this.reported.get(task.id)?.state ?? TaskState.ASSIGNED;
    if (task.desiredState > TaskState.RUNNING) {
      if (state <= TaskState.RUNNING) this.report(task.id, { state: TaskState.SHUTDOWN });
      return;
    }
    if (state >= TaskState.RUNNING) {
      const status = this.reported.get(task.id);
      if (status !== undefined) this.report(task.id, status);
      return;
    }
    this.started.add(task.id);
    const running = { containerId: `container-${task.id}`, pid: 1000 };
    if (this.unhealthy.has(task.serviceName)) this.report(task.id, { ...running, state: TaskState.STARTING });
    else if (this.oneShot.has(task.serviceName)) this.report(task.id, { ...running, state: TaskState.COMPLETE });
    else this.report(task.id, { ...running, state: TaskState.RUNNING, addresses: this.#takeAddresses(task) });
  }

  #takeAddresses(task: Task): { networkId: string; address: string }[] {
    return (task.spec?.networks ?? []).map(({ target }) => {
      this.#addresses += 1;
      return { networkId: target, address: `10.99.0.${this.#addresses}` };
    });
  }

  async #serve(open: OpenStream): Promise<void> {
    const tunnel = this.#client.tunnel();
    tunnel.on('error', () => undefined);
    tunnel.write({ frame: { $case: 'streamId', value: open.streamId } });
    for await (const { frame } of responses(tunnel as ClientDuplexStream<never, TunnelFrame>)) {
      if (frame?.$case !== 'data') continue;
      for (const answer of this.#answer(open.method, frame.value)) tunnel.write({ frame: answer });
      // Not left early: that would cancel the call, and what is on its way with it.
      tunnel.end();
    }
  }

  #answer(method: string, request: Uint8Array): NonNullable<TunnelFrame['frame']>[] {
    const end = { $case: 'end', value: true } as const;
    const data = (bytes: Uint8Array) => ({ $case: 'data', value: Buffer.from(bytes) }) as const;
    if (method === 'PortProbe') {
      const conflicts = PortProbeRequest.decode(request).ports.flatMap((port): PortConflict[] => {
        const holder = this.takenPorts.get(`${port.hostIp}:${port.publishedPort}`);
        return holder === undefined ? [] : [{ port, holder }];
      });
      return [data(PortProbeResponse.encode({ conflicts }).finish()), end];
    }
    if (method === 'SourceProbe') {
      const { paths, volumes } = SourceProbeRequest.decode(request);
      const existing = [...paths, ...volumes].filter((source) => this.sources.has(source));
      return [data(SourceProbeResponse.encode({ existing }).finish()), end];
    }
    if (method === 'ContainerLogs') {
      const { reference } = ContainerLogsRequest.decode(request);
      const line = (timestampNs: string, text: string) =>
        data(LogLine.encode({ timestampNs, stream: 1, data: Buffer.from(`${text} ${reference}\n`) }).finish());
      return [line('1000', 'first'), line('2000', 'second'), end];
    }
    const detail = encodeErrorDetail(new GantryError('UNSUPPORTED', method));
    return [{ $case: 'error', value: { grpcStatus: 12, message: method, detail } }];
  }
}
