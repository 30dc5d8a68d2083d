import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../proto/free-port.testing.ts';
import { NO_STORE } from '../config/options.ts';
import { TestHost } from './test-host.testing.ts';

let host: TestHost;
let dir: string;
let containers: TestHost['containers'];

beforeEach(async () => {
  host = await TestHost.create();
  ({ dir, containers } = host);
});
afterEach(() => host.remove());

async function runningTasks(count: number): Promise<string[]> {
  const running = () =>
    containers.calls.filter((call) => call.startsWith('start ')).map((call) => call.split(' ')[1] ?? '');
  await vi.waitFor(() => expect(running()).toHaveLength(count), { timeout: 10_000 });
  return running();
}

describe('a node', { timeout: 60_000 }, () => {
  it('in no cluster says so, with what to do', async () => {
    const node = await host.start();
    expect(await node.status()).toEqual({
      nodeId: '',
      manager: false,
      connected: false,
      error: '',
      managers: [],
      locked: false,
    });
    await expect(node.inspect()).rejects.toMatchObject({
      code: 'NOT_IN_CLUSTER',
      hint: expect.stringContaining('gantry cluster init'),
    });
    await expect(node.leave(true)).rejects.toMatchObject({ code: 'NOT_IN_CLUSTER' });
    await expect(node.init('somewhere')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(readdirSync(dir)).toEqual(['gantry.sock']);
  });

  it('makes a cluster of itself, once', async () => {
    const node = await host.start();
    const { nodeId, clusterId } = await node.init();
    expect(await node.status()).toMatchObject({ nodeId, manager: true, connected: true, error: '' });
    expect(await node.inspect()).toMatchObject({ cluster: { id: clusterId }, leaderNodeId: nodeId });
    const { nodes } = await node.nodes();
    expect(nodes).toMatchObject([
      { id: nodeId, description: { hostname: 'host1' }, status: { address: host.address } },
    ]);
    expect(JSON.parse(readFileSync(join(dir, 'cluster.json'), 'utf8'))).toMatchObject({ nodeId, clusterId });
    await expect(node.init()).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });

  it('shows its part in the cluster to those who watch it, and its manager shows its own', async () => {
    const metricsAddr = `127.0.0.1:${await freePort()}`;
    const node = await host.start(NO_STORE, metricsAddr);
    expect(node.member()).toBeUndefined();
    const { nodeId } = await node.init();
    expect(node.member()).toMatchObject({ nodeId, sessionState: { connected: true } });
    const readiness = await fetch(`http://${metricsAddr}/readyz`);
    expect([readiness.status, await readiness.text()]).toEqual([200, '{"status":"ok"}']);
    const metrics = await fetch(`http://${metricsAddr}/metrics`);
    const lines = (await metrics.text()).split('\n');
    expect(lines).toContain('gantry_manager_raft_is_leader 1');
    expect(lines).toContain('gantry_manager_dispatcher_sessions 1');
    expect(lines).toContain('gantry_manager_nodes{state="ready"} 1');
    await node.deploy(2);
    await runningTasks(2);
    await vi.waitFor(() => expect(node.member()?.taskStatuses()).toHaveLength(2));
  });

  it('runs what the cluster assigns, and goes on with it after a restart', async () => {
    const first = await host.start();
    const { nodeId } = await first.init();
    await first.deploy(2);
    const tasks = await runningTasks(2);
    await first.close();
    const second = await host.start();
    await vi.waitFor(async () => expect(await second.status()).toMatchObject({ nodeId, connected: true }), {
      timeout: 10_000,
    });
    await second.deploy(3);
    expect(await runningTasks(3)).toEqual(expect.arrayContaining(tasks));
    expect(containers.calls.filter((call) => call.startsWith('stop '))).toEqual([]);
  });

  it('starts its manager again when it was killed, and runs on meanwhile', async () => {
    const node = await host.start();
    await node.init();
    await node.deploy(1);
    await runningTasks(1);
    const killed = host.manager()?.pid ?? 0;
    process.kill(killed, 'SIGKILL');
    await vi.waitFor(async () => expect((await node.nodes()).nodes).toHaveLength(1), { timeout: 10_000 });
    expect(host.manager()?.pid).not.toBe(killed);
    await node.deploy(2);
    await runningTasks(2);
    expect(containers.calls.filter((call) => call.startsWith('stop '))).toEqual([]);
  });

  it('leaves only by force, and leaves nothing', async () => {
    const node = await host.start();
    await node.init();
    await node.deploy(2);
    await runningTasks(2);
    await expect(node.leave(false)).rejects.toMatchObject({
      code: 'WRONG_STATE',
      hint: expect.stringContaining('--force'),
    });
    await node.leave(true);
    expect(await containers.list({ all: true, filters: [] })).toEqual([]);
    expect(host.manager()).toBeUndefined();
    expect(readdirSync(dir).filter((name) => !name.endsWith('.sock'))).toEqual([]);
    await expect(node.inspect()).rejects.toMatchObject({ code: 'NOT_IN_CLUSTER' });
    await node.init();
  });

  it('ends its manager before it stops the system, and keeps its data', async () => {
    const node = await host.start();
    await node.init();
    await node.systemStop();
    expect(host.stopped).toBe(true);
    expect(host.manager()).toBeUndefined();
    expect(existsSync(join(dir, 'cluster.json'))).toBe(true);
  });
});
