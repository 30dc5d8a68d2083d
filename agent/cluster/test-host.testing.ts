/** gantryds with nothing but their cluster part, real managers as their children, and engines in memory. For tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientWritableStream, Server, ServerCredentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { connectClient, responses, unary } from '../../proto/client.ts';
import { freePort } from '../../proto/free-port.testing.ts';
import {
  type ClusterCaResponse,
  type ClusterCaRotateResponse,
  type ClusterInspectResponse,
  type ClusterJoinTokenResponse,
  type ClusterUpdateResponse,
  ControlClient,
  type NodeInspectResponse,
  type NodeListResponse,
  StackDeployRequest,
  type StackDeployResponse,
  type TaskListResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import {
  type HealthResponse,
  LocalManagerClient,
  type UnlockResponse,
} from '../../proto/generated/gantry/v1/manager.ts';
import {
  type ClusterInitResponse,
  type ClusterJoinResponse,
  type ClusterLeaveResponse,
  type ClusterRecoverResponse,
  type ClusterRestoreOptions,
  type ClusterRestoreRequest,
  type ClusterRestoreResponse,
  type ClusterStatusResponse,
  NodeAgentClient,
  type SystemStopResponse,
} from '../../proto/generated/gantry/v1/node.ts';
import { NodeAvailability, type NodeRole, NodeWireguard } from '../../proto/generated/gantry/v1/types.ts';
import { NO_STORE, type StoreOptions } from '../config/options.ts';
import type { EngineHandlers } from '../engine/api.ts';
import { runnableImage } from '../image/runnable-image.testing.ts';
import { type MemoryContainers, memoryContainers } from '../worker/memory-containers.testing.ts';
import { ClusterNode } from './cluster-node.ts';
import { findManager } from './manager-process.ts';

/** A host: what is on its disk, and its containers, outlive its gantryds. */
export class TestHost {
  readonly dir = mkdtempSync(join(tmpdir(), 'gantry-node-'));
  readonly containers: MemoryContainers = memoryContainers();
  /** IP:PORT that it advertises. */
  readonly address: string;
  stopped = false;
  readonly #open: { close(): Promise<void> }[] = [];

  private constructor(address: string) {
    this.address = address;
  }

  /** `address`: of a host that is no more. */
  static async create(address?: string): Promise<TestHost> {
    return new TestHost(address ?? `127.0.0.1:${await freePort()}`);
  }

  /** How often a container was started. */
  get started(): number {
    return this.#count('start');
  }

  /** Ids of the containers, as often as they were started. */
  get starts(): string[] {
    const calls = this.containers.calls.filter((text) => text.startsWith('start '));
    return calls.map((text) => text.split(' ')[1] ?? '');
  }

  get stoppedContainers(): number {
    return this.#count('stop');
  }

  #count(call: string): number {
    return this.containers.calls.filter((text) => text.startsWith(`${call} `)).length;
  }

  async start(store: StoreOptions = NO_STORE, managerMetricsAddr = '') {
    const node = new ClusterNode({
      dataRoot: this.dir,
      execRoot: this.dir,
      nodeName: 'host1',
      engineLabels: {},
      genericResources: [],
      advertiseAddr: this.address,
      store,
      managerMetricsAddr,
      containers: this.containers,
      images: {
        resolve: async () => runnableImage(),
        report: () => ({ images: [], partial: false }),
        onChange: () => () => undefined,
      },
      imageSource: { bring: async (): Promise<never> => Promise.reject(new Error('there is no registry')) },
      volumes: { report: async () => ({ names: [], mounted: [] }), onChange: () => () => undefined },
      networks: {
        applyNetworks: async () => undefined,
        applyEndpoints: async () => undefined,
        applyAttached: async () => undefined,
        attached: () => [],
        onAttached: () => () => undefined,
        describeWireguard: () => NodeWireguard.create(),
        ipv6Addresses: () => [],
        onIpv6Addresses: () => () => undefined,
        possibleParents: () => [],
        networkConfigs: () => [],
        onParents: () => () => undefined,
      },
      handlers: {} as EngineHandlers,
      serveImages: async () => undefined,
      logger: pino({ level: process.env.GANTRY_TEST_LOG ?? 'fatal' }, pino.destination(2)),
      onSystemStop: async () => {
        this.stopped = true;
      },
    });
    await node.start();
    const server = new Server();
    for (const { definition, implementation } of node.services()) server.addService(definition, implementation);
    const socket = join(this.dir, 'gantry.sock');
    rmSync(socket, { force: true });
    await new Promise<void>((resolve) => {
      server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), () => resolve());
    });
    const agent = connectClient(NodeAgentClient, { kind: 'unix', path: socket });
    const control = connectClient(ControlClient, { kind: 'unix', path: socket });
    const local = connectClient(LocalManagerClient, { kind: 'unix', path: socket });
    const close = async () => {
      for (const client of [agent, control, local]) client.close();
      server.forceShutdown();
      await node.close();
    };
    this.#open.push({ close });
    return {
      close,
      member: () => node.member,
      init: (advertiseAddr = '') => unary<ClusterInitResponse>((done) => agent.clusterInit({ advertiseAddr }, done)),
      join: (manager: string, token: string) =>
        unary<ClusterJoinResponse>((done) => {
          const request = { manager, token, advertiseAddr: '', availability: NodeAvailability.ACTIVE };
          return agent.clusterJoin(request, done);
        }),
      leave: (force: boolean) => unary<ClusterLeaveResponse>((done) => agent.clusterLeave({ force }, done)),
      status: () => unary<ClusterStatusResponse>((done) => agent.clusterStatus({}, done)),
      systemStop: () => unary<SystemStopResponse>((done) => agent.systemStop({}, done)),
      inspect: () => unary<ClusterInspectResponse>((done) => control.clusterInspect({}, done)),
      token: (role: NodeRole) =>
        unary<ClusterJoinTokenResponse>((done) => control.clusterJoinToken({ role, rotate: false }, done)),
      rotate: () =>
        unary<ClusterCaRotateResponse>((done) =>
          control.clusterCaRotate({ certificate: '', key: '', nodeCertExpiryMs: undefined }, done),
        ),
      authority: () => unary<ClusterCaResponse>((done) => control.clusterCa({}, done)),
      nodes: () => unary<NodeListResponse>((done) => control.nodeList({}, done)),
      node: (reference: string) => unary<NodeInspectResponse>((done) => control.nodeInspect({ reference }, done)),
      setRole: (reference: string, role: NodeRole, force = false) =>
        unary((done) => control.nodeUpdate({ reference, role, labelsAdd: {}, labelsRemove: [], force }, done)),
      removeNode: (reference: string, force: boolean) =>
        unary((done) => control.nodeRemove({ reference, force }, done)),
      deploy: (replicas: number) => unary<StackDeployResponse>((done) => control.stackDeploy(stack(replicas), done)),
      tasks: () =>
        unary<TaskListResponse>((done) => control.taskList({ stack: 'shop', services: [], nodes: [] }, done)),
      autolock: () =>
        unary<ClusterUpdateResponse>((done) =>
          control.clusterUpdate({ autolock: true, taskHistoryLimit: undefined }, done),
        ),
      health: () => unary<HealthResponse>((done) => local.health({}, done)),
      unlock: (unlockKey: string) => unary<UnlockResponse>((done) => local.unlock({ unlockKey }, done)),
      backup: () => collect(responses(control.clusterBackup({}))),
      restore: (file: Buffer, options: Partial<ClusterRestoreOptions> = {}) =>
        unary<ClusterRestoreResponse>((done) => uploadBackup(agent.clusterRestore(done), file, options)),
      recover: (force: boolean, unlockKey = '') =>
        unary<ClusterRecoverResponse>((done) => agent.clusterRecover({ force, unlockKey }, done)),
    };
  }

  manager() {
    return findManager({ dataRoot: this.dir, execRoot: this.dir });
  }

  /** Ends what runs; the manager must go with its gantryd. */
  async remove(): Promise<void> {
    for (const { close } of this.#open.splice(0)) await close();
    const left = this.manager();
    rmSync(this.dir, { recursive: true, force: true });
    if (left !== undefined) throw new Error(`a manager was left running: ${left.pid}`);
  }
}

async function collect(chunks: AsyncIterable<{ readonly data: Uint8Array }>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { data } of chunks) parts.push(data);
  return Buffer.concat(parts);
}

function uploadBackup(
  call: ClientWritableStream<ClusterRestoreRequest>,
  file: Buffer,
  options: Partial<ClusterRestoreOptions>,
) {
  const value = { force: false, unlockKey: '', advertiseAddr: '', ...options };
  call.write({ message: { $case: 'options', value } });
  for (let begin = 0; begin < file.byteLength; begin += 1000) {
    call.write({ message: { $case: 'data', value: file.subarray(begin, begin + 1000) } });
  }
  call.end();
  return call;
}

function stack(replicas: number): StackDeployRequest {
  const annotations = { name: 'shop_web', labels: { 'com.docker.stack.namespace': 'shop' } };
  return StackDeployRequest.fromPartial({
    stack: {
      name: 'shop',
      services: [
        { annotations, task: { container: { image: 'web' } }, mode: { $case: 'replicated', value: { replicas } } },
      ],
    },
  });
}
