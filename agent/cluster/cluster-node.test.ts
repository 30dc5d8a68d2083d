import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectClient, unary } from '../../proto/client.ts';
import { freePort } from '../../proto/free-port.testing.ts';
import {
  type ClusterInspectResponse,
  ControlClient,
  type NodeListResponse,
  StackDeployRequest,
  type StackDeployResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import {
  type ClusterInitResponse,
  type ClusterLeaveResponse,
  type ClusterStatusResponse,
  NodeAgentClient,
  type SystemStopResponse,
} from '../../proto/generated/gantry/v1/node.ts';
import type { EngineHandlers } from '../engine/api.ts';
import type { Images } from '../image/images.ts';
import type { Networks } from '../network/networks.ts';
import { type MemoryContainers, memoryContainers } from '../worker/memory-containers.testing.ts';
import { ClusterNode } from './cluster-node.ts';
import { findManager } from './manager-process.ts';

// With the real manager as its child, and an engine in memory.
let dir: string;
let containers: MemoryContainers;
let stopped: boolean;
let address: string;
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  address = `127.0.0.1:${await freePort()}`;
  dir = mkdtempSync(join(tmpdir(), 'gantry-node-'));
  containers = memoryContainers();
  stopped = false;
});
afterEach(async () => {
  for (const { close } of open.splice(0)) await close();
  expect(runningManager()).toBeUndefined();
  rmSync(dir, { recursive: true, force: true });
});

/** A gantryd with nothing but its cluster part. */
async function startNode() {
  const node = new ClusterNode({
    dataRoot: dir,
    execRoot: dir,
    nodeName: 'host1',
    advertiseAddr: address,
    containers,
    images: { resolve: async () => ({}) } as unknown as Images,
    networks: { applyNetworks: async () => undefined, applyEndpoints: async () => undefined } as unknown as Networks,
    handlers: {} as EngineHandlers,
    logger: pino({ level: 'fatal' }),
    onSystemStop: async () => {
      stopped = true;
    },
  });
  await node.start();
  const server = new Server();
  for (const { definition, implementation } of node.services()) server.addService(definition, implementation);
  const socket = join(dir, 'gantry.sock');
  rmSync(socket, { force: true });
  await new Promise<void>((resolve) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), () => resolve());
  });
  const agent = connectClient(NodeAgentClient, { kind: 'unix', path: socket });
  const control = connectClient(ControlClient, { kind: 'unix', path: socket });
  const close = async () => {
    agent.close();
    control.close();
    server.forceShutdown();
    await node.close();
  };
  open.push({ close });
  return {
    close,
    init: (advertiseAddr = '') => unary<ClusterInitResponse>((done) => agent.clusterInit({ advertiseAddr }, done)),
    leave: (force: boolean) => unary<ClusterLeaveResponse>((done) => agent.clusterLeave({ force }, done)),
    status: () => unary<ClusterStatusResponse>((done) => agent.clusterStatus({}, done)),
    systemStop: () => unary<SystemStopResponse>((done) => agent.systemStop({}, done)),
    inspect: () => unary<ClusterInspectResponse>((done) => control.clusterInspect({}, done)),
    nodes: () => unary<NodeListResponse>((done) => control.nodeList({}, done)),
    deploy: (replicas: number) => unary<StackDeployResponse>((done) => control.stackDeploy(stack(replicas), done)),
  };
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

function runningManager() {
  return findManager({ dataRoot: dir, execRoot: dir });
}

async function runningTasks(count: number): Promise<string[]> {
  const running = () =>
    containers.calls.filter((call) => call.startsWith('start ')).map((call) => call.split(' ')[1] ?? '');
  await vi.waitFor(() => expect(running()).toHaveLength(count), { timeout: 10_000 });
  return running();
}

describe('a node', { timeout: 60_000 }, () => {
  it('in no cluster says so, with what to do', async () => {
    const node = await startNode();
    expect(await node.status()).toEqual({ nodeId: '', manager: false, connected: false, error: '', managers: [] });
    await expect(node.inspect()).rejects.toMatchObject({
      code: 'NOT_IN_CLUSTER',
      hint: expect.stringContaining('gantry cluster init'),
    });
    await expect(node.leave(true)).rejects.toMatchObject({ code: 'NOT_IN_CLUSTER' });
    await expect(node.init('somewhere')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(readdirSync(dir)).toEqual(['gantry.sock']);
  });

  it('makes a cluster of itself, once', async () => {
    const node = await startNode();
    const { nodeId, clusterId } = await node.init();
    expect(await node.status()).toMatchObject({ nodeId, manager: true, connected: true, error: '' });
    expect(await node.inspect()).toMatchObject({ cluster: { id: clusterId }, leaderNodeId: nodeId });
    const { nodes } = await node.nodes();
    expect(nodes).toMatchObject([{ id: nodeId, description: { hostname: 'host1' }, status: { address } }]);
    expect(JSON.parse(readFileSync(join(dir, 'cluster.json'), 'utf8'))).toMatchObject({ nodeId, clusterId });
    await expect(node.init()).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });

  it('runs what the cluster assigns, and goes on with it after a restart', async () => {
    const first = await startNode();
    const { nodeId } = await first.init();
    await first.deploy(2);
    const tasks = await runningTasks(2);
    await first.close();
    const second = await startNode();
    await vi.waitFor(async () => expect(await second.status()).toMatchObject({ nodeId, connected: true }), {
      timeout: 10_000,
    });
    await second.deploy(3);
    expect(await runningTasks(3)).toEqual(expect.arrayContaining(tasks));
    expect(containers.calls.filter((call) => call.startsWith('stop '))).toEqual([]);
  });

  it('starts its manager again when it was killed, and runs on meanwhile', async () => {
    const node = await startNode();
    await node.init();
    await node.deploy(1);
    await runningTasks(1);
    const killed = runningManager()?.pid ?? 0;
    process.kill(killed, 'SIGKILL');
    await vi.waitFor(async () => expect((await node.nodes()).nodes).toHaveLength(1), { timeout: 10_000 });
    expect(runningManager()?.pid).not.toBe(killed);
    await node.deploy(2);
    await runningTasks(2);
    expect(containers.calls.filter((call) => call.startsWith('stop '))).toEqual([]);
  });

  it('leaves only by force, and leaves nothing', async () => {
    const node = await startNode();
    await node.init();
    await node.deploy(2);
    await runningTasks(2);
    await expect(node.leave(false)).rejects.toMatchObject({
      code: 'WRONG_STATE',
      hint: expect.stringContaining('--force'),
    });
    await node.leave(true);
    expect(await containers.list({ all: true, filters: [] })).toEqual([]);
    expect(runningManager()).toBeUndefined();
    expect(readdirSync(dir).filter((name) => !name.endsWith('.sock'))).toEqual([]);
    await expect(node.inspect()).rejects.toMatchObject({ code: 'NOT_IN_CLUSTER' });
    await node.init();
  });

  it('ends its manager before it stops the system, and keeps its data', async () => {
    const node = await startNode();
    await node.init();
    await node.systemStop();
    expect(stopped).toBe(true);
    expect(runningManager()).toBeUndefined();
    expect(existsSync(join(dir, 'cluster.json'))).toBe(true);
  });
});
