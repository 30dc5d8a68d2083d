/** Backup, restore and recovery as gantryd does them, with real managers as its children and an engine in memory. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { NodeListResponse } from '../../proto/generated/gantry/v1/control.ts';
import { NodeRole, NodeState } from '../../proto/generated/gantry/v1/types.ts';
import { NO_STORE } from '../config/options.ts';
import { TestHost } from './test-host.testing.ts';

type Running = Awaited<ReturnType<TestHost['start']>>;

let hosts: TestHost[];
beforeEach(() => {
  hosts = [];
});
afterEach(async () => {
  for (const host of hosts) await host.remove();
});

async function newHost(address?: string): Promise<TestHost> {
  const host = await TestHost.create(address);
  hosts.push(host);
  return host;
}

const soon = <T>(check: () => T) => vi.waitFor(check, { timeout: 30_000, interval: 50 });

/** A cluster of one, with its services running. */
async function cluster(): Promise<{ host: TestHost; node: Running; nodeId: string; clusterId: string }> {
  const host = await newHost();
  const node = await host.start();
  const { nodeId, clusterId } = await node.init();
  await node.deploy(2);
  await soon(() => expect(host.started).toBe(2));
  return { host, node, nodeId, clusterId };
}

const nodeIds = async (node: Running) => (await node.nodes()).nodes.map(({ id }) => id);

describe('restore', { timeout: 90_000 }, () => {
  it('makes a cluster of one out of a backup, on a node that was in none', async () => {
    const { node, nodeId, clusterId } = await cluster();
    const file = await node.backup();
    await node.close();
    const heir = await (await newHost()).start();
    const restored = await heir.restore(file);
    expect(restored.clusterId).toBe(clusterId);
    expect((await heir.inspect()).cluster?.id).toBe(clusterId);
    expect(new Set(await nodeIds(heir))).toEqual(new Set([nodeId, restored.nodeId]));
    expect((await heir.tasks()).tasks.map(({ serviceName }) => serviceName)).toEqual(['shop_web', 'shop_web']);
  });

  it('takes the place of what a node has only by force, and keeps what runs there', async () => {
    const { host, node, nodeId, clusterId } = await cluster();
    const file = await node.backup();
    await expect(node.restore(file)).rejects.toMatchObject({ code: 'WRONG_STATE' });
    expect(await node.restore(file, { force: true })).toEqual({ nodeId, clusterId });
    expect(await nodeIds(node)).toEqual([nodeId]);
    expect([host.started, host.stoppedContainers]).toEqual([2, 0]);
  });

  it('is found by the workers of before, where it has the address of their manager', async () => {
    const { host, node } = await cluster();
    const workerHost = await newHost();
    const worker = await workerHost.start();
    const { token } = await node.token(NodeRole.WORKER);
    const { nodeId } = await worker.join(host.address, token);
    await node.deploy(4);
    await soon(() => expect(workerHost.started).toBe(2));
    const file = await node.backup();
    await host.remove();
    const heir = await (await newHost(host.address)).start();
    await heir.restore(file);
    await soon(async () => expect((await heir.node(nodeId)).node?.status?.state).toBe(NodeState.READY));
    expect([workerHost.started, workerHost.stoppedContainers]).toEqual([2, 0]);
  });

  it('has the authority that the cluster had last, and the workers of before trust it', async () => {
    const { host, node } = await cluster();
    const workerHost = await newHost();
    const worker = await workerHost.start();
    const { nodeId } = await worker.join(host.address, (await node.token(NodeRole.WORKER)).token);
    await node.rotate();
    await soon(async () => expect(await node.authority()).toMatchObject({ rotating: false, rotatedRoots: 2 }));
    const { certificate } = await node.authority();
    const file = await node.backup();
    await host.remove();
    const heir = await (await newHost(host.address)).start();
    await heir.restore(file);
    await soon(async () => expect((await heir.node(nodeId)).node?.status?.state).toBe(NodeState.READY));
    expect((await heir.authority()).certificate).toBe(certificate);
  });

  it('goes on with a rotation of the authority that was under way', async () => {
    const { host, node } = await cluster();
    const workerHost = await newHost();
    const worker = await workerHost.start();
    const { nodeId } = await worker.join(host.address, (await node.token(NodeRole.WORKER)).token);
    await worker.close();
    await node.rotate();
    // It waits for the worker.
    await soon(async () => expect(await node.authority()).toMatchObject({ rotating: true, rotatedCertificates: 1 }));
    const file = await node.backup();
    await host.remove();
    const heir = await (await newHost(host.address)).start();
    await heir.restore(file);
    await workerHost.start();
    await soon(async () => expect((await heir.node(nodeId)).node?.status?.state).toBe(NodeState.READY));
    // The manager of before is no more; nobody can wait for it.
    for (const { id, status } of (await heir.nodes()).nodes) {
      if (status?.state !== NodeState.READY) await heir.removeNode(id, true);
    }
    await soon(async () => expect((await heir.authority()).rotating).toBe(false));
  });

  it('leaves a node as it was when the file is no good', async () => {
    const { host, node, clusterId } = await cluster();
    const file = await node.backup();
    const cut = file.subarray(0, file.byteLength - 10);
    await expect(node.restore(cut, { force: true })).rejects.toMatchObject({ code: 'CORRUPT' });
    expect((await node.inspect()).cluster?.id).toBe(clusterId);
    expect(existsSync(join(host.dir, 'restored.partial'))).toBe(false);
  });

  it('opens the backup of a cluster with autolock with its key, and locks the new manager with it', async () => {
    const { node } = await cluster();
    const { unlockKey } = await node.autolock();
    const file = await node.backup();
    await node.close();
    const host = await newHost();
    const heir = await host.start();
    await expect(heir.restore(file)).rejects.toThrow(/sealed/);
    await heir.restore(file, { unlockKey });
    const keys = () => JSON.parse(readFileSync(join(host.dir, 'manager/keys.json'), 'utf8'));
    await soon(() => expect(keys()).toMatchObject({ keyEncryptionKey: null }));
  });

  it('goes on at the next start when it was cut off', async () => {
    const { host, node, nodeId, clusterId } = await cluster();
    await node.close();
    // As it is when what was made ready counts, and nothing is in its place yet.
    const heirHost = await newHost();
    mkdirSync(join(heirHost.dir, 'restored'));
    for (const name of ['manager', 'cluster.json'])
      renameSync(join(host.dir, name), join(heirHost.dir, 'restored', name));
    mkdirSync(join(heirHost.dir, 'manager'));
    writeFileSync(join(heirHost.dir, 'manager', 'of before'), '');
    const heir = await heirHost.start();
    await soon(async () => expect((await heir.inspect()).cluster?.id).toBe(clusterId));
    expect(await nodeIds(heir)).toEqual([nodeId]);
    for (const name of ['restored', 'manager/of before']) expect(existsSync(join(heirHost.dir, name))).toBe(false);
  });
});

describe('recover', { timeout: 90_000 }, () => {
  it('is refused while there is quorum, and by force keeps all that there is', async () => {
    const { host, node, clusterId } = await cluster();
    const before = host.manager()?.pid;
    await expect(node.recover(false)).rejects.toThrow(/have quorum/);
    await node.recover(true);
    expect(host.manager()?.pid).not.toBe(before);
    expect((await node.inspect()).cluster?.id).toBe(clusterId);
    expect([host.started, host.stoppedContainers]).toEqual([2, 0]);
  });

  it('is refused where there is no state of a cluster', async () => {
    const { host, node } = await cluster();
    const worker = await (await newHost()).start();
    await expect(worker.recover(true)).rejects.toMatchObject({ code: 'NOT_IN_CLUSTER' });
    await worker.join(host.address, (await node.token(NodeRole.WORKER)).token);
    await expect(worker.recover(true)).rejects.toMatchObject({ code: 'NOT_A_MANAGER' });
  });

  it('wants the unlock key of a cluster with autolock, and unlocks the manager with it', async () => {
    const { node, clusterId } = await cluster();
    const { unlockKey } = await node.autolock();
    await soon(async () => expect((await node.health()).autolock).toBe(true));
    await expect(node.recover(true)).rejects.toThrow(/unlock key/);
    // Nothing was stopped for it.
    expect(await node.health()).toMatchObject({ locked: false });
    await expect(node.recover(true, `GNTKEY-1-${'A'.repeat(43)}`)).rejects.toThrow(/not the one/);
    await soon(async () => expect(await node.health()).toMatchObject({ locked: true }));
    await expect(node.recover(false, unlockKey)).rejects.toThrow(/this manager is locked/);
    await node.recover(true, unlockKey);
    expect((await node.inspect()).cluster?.id).toBe(clusterId);
  });
});

describe('a node whose cluster has its log in etcd', () => {
  it('refuses both, and says whose they are', async () => {
    const store = { ...NO_STORE, address: 'etcd://192.0.2.1/gantry' };
    const node = await (await newHost()).start(store);
    const refusal = {
      code: 'UNSUPPORTED',
      message: expect.stringContaining(store.address),
      hint: expect.stringContaining('etcd'),
    };
    await expect(node.restore(Buffer.from('anything'))).rejects.toMatchObject(refusal);
    await expect(node.recover(true)).rejects.toMatchObject(refusal);
  });
});

describe('a cluster that has lost two of three managers', { timeout: 180_000 }, () => {
  const { MANAGER, WORKER } = NodeRole;
  const voters = ({ managers }: NodeListResponse) => managers.filter(({ voter }) => voter);
  const roleOf = async (node: Running, id: string) => (await node.node(id)).node?.spec?.role;

  async function joinManager(first: Running, address: string) {
    const host = await newHost();
    const node = await host.start();
    const { nodeId } = await node.join(address, (await first.token(NodeRole.MANAGER)).token);
    return { host, node, nodeId };
  }

  it('goes on with the third after one command, and has the others back as what it knows them to be', async () => {
    const first = await cluster();
    const second = await joinManager(first.node, first.host.address);
    const third = await joinManager(first.node, first.host.address);
    await soon(async () => expect(voters(await first.node.nodes())).toHaveLength(3));
    await first.node.deploy(6);
    await soon(() => expect([first.host.started, second.host.started, third.host.started]).toEqual([2, 2, 2]));

    const running = first.host.starts;
    await third.node.close();
    await second.node.close();
    await soon(() =>
      expect(first.node.nodes()).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringMatching(/lost its quorum: 2 of its 3 managers are needed/),
        hint: expect.stringContaining('gantry cluster recover'),
      }),
    );
    for (const { nodeId } of [second, third]) {
      await expect(first.node.nodes()).rejects.toThrow(nodeId);
      expect((await first.node.health()).problem).toContain(nodeId);
    }

    await first.node.recover(false);
    expect(await roleOf(first.node, first.nodeId)).toBe(MANAGER);
    for (const { nodeId } of [second, third]) expect(await roleOf(first.node, nodeId)).toBe(WORKER);
    expect((await first.node.nodes()).managers.map(({ nodeId }) => nodeId)).toEqual([first.nodeId]);
    // What ran here still does; it may have been given what ran on the others, as long as they are away.
    expect(first.host.starts.slice(0, 2)).toEqual(running);
    expect(first.host.starts).toEqual([...new Set(first.host.starts)]);
    expect(first.host.stoppedContainers).toBe(0);

    // One of them is to be a manager again. Until they are told, they are a majority of what they know, and go on as such.
    await first.node.setRole(third.nodeId, MANAGER, true);
    await first.node.close();
    const back = await Promise.all([second.host.start(), third.host.start()]);
    await soon(async () => {
      expect(await Promise.all(back.map((node) => roleOf(node, second.nodeId)))).toEqual([MANAGER, MANAGER]);
    });
    const again = await first.host.start();
    const [worker, manager] = back;
    await soon(async () => expect(await worker?.status()).toMatchObject({ connected: true, manager: false }));
    await soon(() => expect(existsSync(join(second.host.dir, 'manager'))).toBe(false));
    await soon(async () => expect(voters(await again.nodes())).toHaveLength(2));
    expect(await manager?.status()).toMatchObject({ manager: true });
    const { nodes, managers } = await again.nodes();
    expect(new Set(managers.map(({ nodeId }) => nodeId))).toEqual(new Set([first.nodeId, third.nodeId]));
    await soon(async () => {
      const states = (await again.nodes()).nodes.map(({ status }) => status?.state);
      expect(states).toEqual([NodeState.READY, NodeState.READY, NodeState.READY]);
    });
    expect(nodes).toHaveLength(3);
  });
});
