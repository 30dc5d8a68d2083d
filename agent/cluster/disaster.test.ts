/** Backup, restore and recovery as gantryd does them, with the real manager as its child and an engine in memory. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectClient, responses, unary } from '../../proto/client.ts';
import { freePort } from '../../proto/free-port.testing.ts';
import {
  type ClusterInspectResponse,
  type ClusterJoinTokenResponse,
  type ClusterUpdateResponse,
  ControlClient,
  type NodeListResponse,
  StackDeployRequest,
  type StackDeployResponse,
  type TaskListResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import { type HealthResponse, LocalManagerClient } from '../../proto/generated/gantry/v1/manager.ts';
import {
  type ClusterInitResponse,
  type ClusterJoinResponse,
  type ClusterRecoverResponse,
  type ClusterRestoreResponse,
  NodeAgentClient,
} from '../../proto/generated/gantry/v1/node.ts';
import { NodeAvailability, NodeRole, NodeState } from '../../proto/generated/gantry/v1/types.ts';
import { NO_STORE } from '../config/options.ts';
import type { EngineHandlers } from '../engine/api.ts';
import type { Images } from '../image/images.ts';
import type { Networks } from '../network/networks.ts';
import { type MemoryContainers, memoryContainers } from '../worker/memory-containers.testing.ts';
import { ClusterNode } from './cluster-node.ts';
import { findManager } from './manager-process.ts';

let root: string;
const open: (() => Promise<void>)[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-disaster-'));
});
afterEach(async () => {
  for (const close of open.splice(0)) await close();
  rmSync(root, { recursive: true, force: true });
});

type TestNode = Awaited<ReturnType<typeof startNode>>;

/** A gantryd with nothing but its cluster part. */
async function startNode(name: string, advertiseAddr?: string, store = '') {
  const containers = memoryContainers();
  const dir = join(root, name);
  mkdirSync(dir, { recursive: true });
  const node = new ClusterNode({
    dataRoot: dir,
    execRoot: dir,
    nodeName: name,
    advertiseAddr: advertiseAddr ?? `127.0.0.1:${await freePort()}`,
    store: { ...NO_STORE, address: store },
    containers,
    images: { resolve: async () => ({}) } as unknown as Images,
    networks: { applyNetworks: async () => undefined, applyEndpoints: async () => undefined } as unknown as Networks,
    handlers: {} as EngineHandlers,
    logger: pino({ level: 'fatal' }),
    onSystemStop: async () => undefined,
  });
  await node.start();
  const server = new Server();
  for (const { definition, implementation } of node.services()) server.addService(definition, implementation);
  const address = { kind: 'unix', path: join(dir, 'gantry.sock') } as const;
  rmSync(address.path, { force: true });
  await new Promise<void>((resolve) => {
    server.bindAsync(`unix:${address.path}`, ServerCredentials.createInsecure(), () => resolve());
  });
  const agent = connectClient(NodeAgentClient, address);
  const control = connectClient(ControlClient, address);
  const manager = connectClient(LocalManagerClient, address);
  const close = async () => {
    for (const client of [agent, control, manager]) client.close();
    server.forceShutdown();
    await node.close();
  };
  open.push(close);
  return { dir, containers, agent, control, manager, close };
}

const init = ({ agent }: TestNode) =>
  unary<ClusterInitResponse>((done) => agent.clusterInit({ advertiseAddr: '' }, done));
const inspect = ({ control }: TestNode) => unary<ClusterInspectResponse>((done) => control.clusterInspect({}, done));
const nodes = async ({ control }: TestNode) =>
  (await unary<NodeListResponse>((done) => control.nodeList({}, done))).nodes;
const nodeIds = async (node: TestNode) => (await nodes(node)).map(({ id }) => id);
const workerToken = async ({ control }: TestNode) => {
  const request = { role: NodeRole.WORKER, rotate: false };
  return (await unary<ClusterJoinTokenResponse>((done) => control.clusterJoinToken(request, done))).token;
};
const joinCluster = ({ agent }: TestNode, token: string, manager: string) => {
  const request = { token, manager, advertiseAddr: '', availability: NodeAvailability.ACTIVE };
  return unary<ClusterJoinResponse>((done) => agent.clusterJoin(request, done));
};
const tasks = async ({ control }: TestNode) => {
  const request = { stack: 'shop', services: [], nodes: [] };
  return (await unary<TaskListResponse>((done) => control.taskList(request, done))).tasks;
};
const recover = ({ agent }: TestNode, force: boolean, unlockKey = '') =>
  unary<ClusterRecoverResponse>((done) => agent.clusterRecover({ force, unlockKey }, done));
const health = ({ manager }: TestNode) => unary<HealthResponse>((done) => manager.health({}, done));

async function turnAutolockOn({ control }: TestNode): Promise<string> {
  const request = { autolock: true, taskHistoryLimit: undefined };
  return (await unary<ClusterUpdateResponse>((done) => control.clusterUpdate(request, done))).unlockKey;
}

async function backup({ control }: TestNode): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { data } of responses(control.clusterBackup({}))) parts.push(data);
  return Buffer.concat(parts);
}

function restore({ agent }: TestNode, file: Buffer, options: { force?: boolean; unlockKey?: string } = {}) {
  const { force = false, unlockKey = '' } = options;
  return new Promise<ClusterRestoreResponse>((resolve, reject) => {
    const call = agent.clusterRestore((error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
    call.write({ message: { $case: 'options', value: { force, unlockKey, advertiseAddr: '' } } });
    for (let begin = 0; begin < file.byteLength; begin += 1000) {
      call.write({ message: { $case: 'data', value: file.subarray(begin, begin + 1000) } });
    }
    call.end();
  });
}

async function deploy({ control, containers }: TestNode, replicas: number): Promise<void> {
  const annotations = { name: 'shop_web', labels: { 'com.docker.stack.namespace': 'shop' } };
  const mode = { $case: 'replicated', value: { replicas } } as const;
  const services = [{ annotations, task: { container: { image: 'web' } }, mode }];
  const request = StackDeployRequest.fromPartial({ stack: { name: 'shop', services } });
  await unary<StackDeployResponse>((done) => control.stackDeploy(request, done));
  await vi.waitFor(() => expect(startsOf(containers).length).toBeGreaterThan(0), { timeout: 10_000 });
}

const startsOf = ({ calls }: MemoryContainers) => calls.filter((call) => call.startsWith('start '));
const stopsOf = ({ calls }: MemoryContainers) => calls.filter((call) => call.startsWith('stop '));

describe('restore', { timeout: 60_000 }, () => {
  it('makes a cluster of one out of a backup, on a node that was in none', async () => {
    const origin = await startNode('origin');
    const { clusterId, nodeId } = await init(origin);
    await deploy(origin, 2);
    const file = await backup(origin);
    await origin.close();

    const heir = await startNode('heir');
    const restored = await restore(heir, file);
    expect(restored.clusterId).toBe(clusterId);
    expect(restored.nodeId).not.toBe(nodeId);
    expect((await inspect(heir)).cluster?.id).toBe(clusterId);
    expect(new Set(await nodeIds(heir))).toEqual(new Set([nodeId, restored.nodeId]));
    expect((await tasks(heir)).map(({ serviceName }) => serviceName)).toEqual(['shop_web', 'shop_web']);
  });

  it('takes the place of what a node has only by force, and keeps what runs there', async () => {
    const node = await startNode('node');
    const { nodeId, clusterId } = await init(node);
    await deploy(node, 2);
    await vi.waitFor(() => expect(startsOf(node.containers)).toHaveLength(2), { timeout: 10_000 });
    const file = await backup(node);
    await expect(restore(node, file)).rejects.toMatchObject({ details: expect.stringContaining('is in a cluster') });
    expect(await restore(node, file, { force: true })).toEqual({ nodeId, clusterId });
    expect(await nodeIds(node)).toEqual([nodeId]);
    expect(stopsOf(node.containers)).toEqual([]);
    expect(startsOf(node.containers)).toHaveLength(2);
  });

  it('is found by the workers of before, where it has the address of their manager', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const origin = await startNode('origin', address);
    await init(origin);
    const worker = await startNode('worker');
    await joinCluster(worker, await workerToken(origin), address);
    await deploy(origin, 4);
    await vi.waitFor(() => expect(startsOf(worker.containers)).toHaveLength(2), { timeout: 10_000 });
    const file = await backup(origin);
    await origin.close();
    rmSync(origin.dir, { recursive: true });

    const heir = await startNode('heir', address);
    await restore(heir, file);
    const state = async () => (await nodes(heir)).find(({ description }) => description?.hostname === 'worker')?.status;
    await vi.waitFor(async () => expect(await state()).toMatchObject({ state: NodeState.READY }), { timeout: 20_000 });
    expect(stopsOf(worker.containers)).toEqual([]);
    expect(startsOf(worker.containers)).toHaveLength(2);
  });

  it('leaves a node as it was when the file is no good', async () => {
    const node = await startNode('node');
    const { clusterId } = await init(node);
    const file = await backup(node);
    const cut = file.subarray(0, file.byteLength - 10);
    await expect(restore(node, cut, { force: true })).rejects.toMatchObject({
      details: expect.stringContaining('damaged'),
    });
    expect((await inspect(node)).cluster?.id).toBe(clusterId);
    expect(existsSync(join(node.dir, 'restored.partial'))).toBe(false);
  });

  it('opens the backup of a cluster with autolock with its key, and locks the new manager with it', async () => {
    const origin = await startNode('origin');
    await init(origin);
    const unlockKey = await turnAutolockOn(origin);
    const file = await backup(origin);
    await origin.close();
    const heir = await startNode('heir');
    await expect(restore(heir, file)).rejects.toMatchObject({ details: expect.stringContaining('sealed') });
    await restore(heir, file, { unlockKey });
    const keys = join(heir.dir, 'manager/keys.json');
    await vi.waitFor(() => expect(JSON.parse(readFileSync(keys, 'utf8'))).toMatchObject({ keyEncryptionKey: null }));
  });

  it('goes on at the next start when it was cut off', async () => {
    const origin = await startNode('origin');
    const { nodeId, clusterId } = await init(origin);
    await origin.close();
    // As it is when what was made ready counts, and nothing is in its place yet.
    const heir = join(root, 'heir');
    mkdirSync(join(heir, 'restored'), { recursive: true });
    for (const name of ['manager', 'cluster.json']) renameSync(join(origin.dir, name), join(heir, 'restored', name));
    mkdirSync(join(heir, 'manager'));
    writeFileSync(join(heir, 'manager', 'of before'), '');
    const node = await startNode('heir');
    await vi.waitFor(async () => expect((await inspect(node)).cluster?.id).toBe(clusterId), { timeout: 10_000 });
    expect(await nodeIds(node)).toEqual([nodeId]);
    for (const name of ['restored', 'manager/of before']) expect(existsSync(join(heir, name))).toBe(false);
  });
});

describe('recover', { timeout: 60_000 }, () => {
  it('is refused while there is quorum, and by force keeps all that there is', async () => {
    const node = await startNode('node');
    await expect(recover(node, true)).rejects.toThrow(/not in a cluster/);
    const { clusterId } = await init(node);
    await deploy(node, 2);
    await vi.waitFor(() => expect(startsOf(node.containers)).toHaveLength(2), { timeout: 10_000 });
    const before = findManager({ dataRoot: node.dir, execRoot: node.dir })?.pid;
    await expect(recover(node, false)).rejects.toThrow(/have quorum/);
    await recover(node, true);
    const after = findManager({ dataRoot: node.dir, execRoot: node.dir })?.pid;
    expect(after).not.toBe(before);
    expect((await inspect(node)).cluster?.id).toBe(clusterId);
    expect(stopsOf(node.containers)).toEqual([]);
    expect(startsOf(node.containers)).toHaveLength(2);
  });

  it('wants the unlock key of a cluster with autolock, and unlocks the manager with it', async () => {
    const node = await startNode('node');
    const { clusterId } = await init(node);
    const unlockKey = await turnAutolockOn(node);
    await expect(recover(node, true)).rejects.toThrow(/unlock key/);
    // Nothing was stopped for it.
    expect(await health(node)).toMatchObject({ locked: false, autolock: true });
    await expect(recover(node, true, `GNTKEY-1-${'A'.repeat(43)}`)).rejects.toThrow(/not the one/);
    await vi.waitFor(async () => expect(await health(node)).toMatchObject({ locked: true }), { timeout: 10_000 });
    await expect(recover(node, false, unlockKey)).rejects.toThrow(/this manager is locked/);
    await recover(node, true, unlockKey);
    expect((await inspect(node)).cluster?.id).toBe(clusterId);
  });
});
