/** A second node in a first one's cluster, with a real manager between them. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../proto/free-port.testing.ts';
import { NodeRole, NodeState } from '../../proto/generated/gantry/v1/types.ts';
import { identityDir, loadIdentity } from '../../proto/identity-files.ts';
import { ownPeer } from '../../proto/tls.ts';
import { TestHost } from './test-host.testing.ts';

let first: TestHost;
let second: TestHost;
let manager: Awaited<ReturnType<TestHost['start']>>;
let worker: Awaited<ReturnType<TestHost['start']>>;

beforeEach(async () => {
  [first, second] = [await TestHost.create(), await TestHost.create()];
  [manager, worker] = [await first.start(), await second.start()];
  await manager.init();
});
afterEach(async () => {
  await second.remove();
  await first.remove();
});

const soon = <T>(check: () => T) => vi.waitFor(check, { timeout: 15_000, interval: 25 });

async function joinWorker() {
  const { token, managerAddress } = await manager.token(NodeRole.WORKER);
  expect(managerAddress).toBe(first.address);
  return worker.join(managerAddress, token);
}

function peerOn(host: TestHost) {
  const identity = loadIdentity(identityDir(host.dir));
  return identity && ownPeer(identity);
}

describe('a worker that joins', { timeout: 60_000 }, () => {
  it('is a node of the cluster, with an identity that is nobody else’s', async () => {
    const { nodeId, clusterId, role } = await joinWorker();
    expect(role).toBe(NodeRole.WORKER);
    expect(await worker.status()).toMatchObject({ nodeId, manager: false, connected: true });
    await soon(async () => expect((await worker.status()).managers).toEqual([first.address]));
    expect(second.manager()).toBeUndefined();
    const { node } = await manager.node(nodeId);
    expect(node).toMatchObject({ status: { state: NodeState.READY, address: second.address } });
    expect(peerOn(second)).toEqual({ nodeId, role: 'worker', clusterId });
    expect(peerOn(first)).toMatchObject({ role: 'manager', clusterId });
    for (const host of [first, second]) {
      for (const name of readdirSync(identityDir(host.dir))) {
        expect(statSync(join(identityDir(host.dir), name)).mode & 0o077, name).toBe(0);
      }
    }
  });

  it('is told which of its images the cluster needs, and that nobody can say it without a manager', async () => {
    await joinWorker();
    await manager.deploy(1);
    const images = ['web:latest', 'other:1'].map((name) => ({
      ...{ id: name, names: [`docker.io/library/${name}`], platform: undefined, otherPlatforms: [] },
    }));
    const needed = async () => [...((await worker.member()?.neededImages(images)) ?? [])];
    expect(await needed()).toEqual(['web:latest']);
    await manager.close();
    await soon(async () => await expect(needed()).rejects.toMatchObject({ code: 'UNAVAILABLE' }));
  });

  it('runs tasks, also after a restart of its gantryd and of the manager', async () => {
    await joinWorker();
    await manager.deploy(4);
    const started = () => second.containers.calls.filter((call) => call.startsWith('start '));
    await soon(() => expect(started()).toHaveLength(2));
    await worker.close();
    worker = await second.start();
    await soon(async () => expect((await worker.status()).connected).toBe(true));
    process.kill(first.manager()?.pid ?? 0, 'SIGKILL');
    await soon(async () => expect((await worker.status()).connected).toBe(false));
    await soon(async () => expect((await worker.status()).connected).toBe(true));
    await soon(() => manager.deploy(6));
    await soon(() => expect(started()).toHaveLength(3));
    expect(second.containers.calls.filter((call) => call.startsWith('stop '))).toEqual([]);
  });

  it('says where cluster commands go', async () => {
    await joinWorker();
    await expect(worker.nodes()).rejects.toMatchObject({
      code: 'NOT_A_MANAGER',
      hint: expect.stringContaining('127.0.0.1'),
    });
  });

  it('leaves without force, is down then, and can be removed and join again', async () => {
    const { nodeId } = await joinWorker();
    await manager.deploy(2);
    await soon(() => expect(second.containers.calls).toContainEqual(expect.stringMatching(/^start /)));
    await worker.leave(false);
    expect(await second.containers.list({ all: true, filters: [] })).toEqual([]);
    expect(readdirSync(second.dir).filter((name) => !name.endsWith('.sock'))).toEqual([]);
    const { node } = await manager.node(nodeId);
    expect(node?.status).toMatchObject({ state: NodeState.DOWN, message: 'it has left the cluster' });
    await manager.removeNode(nodeId, false);
    const again = await joinWorker();
    expect(again.nodeId).not.toBe(nodeId);
  });

  it('that was removed is told so', async () => {
    const { nodeId } = await joinWorker();
    await manager.removeNode(nodeId, true);
    await soon(async () =>
      expect(await worker.status()).toMatchObject({ connected: false, error: expect.stringContaining('removed') }),
    );
    await worker.leave(false);
    expect(existsSync(identityDir(second.dir))).toBe(false);
  });

  it('gets a manager’s certificate when it is promoted', async () => {
    const { nodeId } = await joinWorker();
    await manager.setRole(nodeId, NodeRole.MANAGER);
    await soon(() => expect(peerOn(second)).toMatchObject({ nodeId, role: 'manager' }));
    await manager.setRole(nodeId, NodeRole.WORKER);
    await soon(() => expect(peerOn(second)).toMatchObject({ nodeId, role: 'worker' }));
    await soon(() => expect(JSON.parse(readFileSync(join(second.dir, 'cluster.json'), 'utf8')).manager).toBe(false));
    expect(existsSync(join(second.dir, 'manager'))).toBe(false);
    expect(await worker.status()).toMatchObject({ connected: true });
  });
});

describe('joining', { timeout: 60_000 }, () => {
  it('is refused with what to do, and leaves nothing behind', async () => {
    const { token } = await manager.token(NodeRole.WORKER);
    const other = await TestHost.create();
    try {
      const elsewhere = await other.start();
      await elsewhere.init();
      const foreign = await elsewhere.token(NodeRole.WORKER);
      await expect(worker.join(first.address, foreign.token)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    } finally {
      await other.remove();
    }
    const wrong = `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`;
    await expect(worker.join(first.address, wrong)).rejects.toThrow(/not valid for this cluster/);
    await expect(worker.join(first.address, 'GNTKN-1-x')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(worker.join('somewhere', token)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const nobody = `127.0.0.1:${await freePort()}`;
    await expect(worker.join(nobody, token)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(readdirSync(second.dir)).toEqual(['gantry.sock']);
    expect((await manager.nodes()).nodes).toHaveLength(1);
    await expect(manager.join(first.address, token)).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });
});
