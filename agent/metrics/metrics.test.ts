import { afterEach, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../proto/free-port.testing.ts';
import { TaskStatusUpdate } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { Container, ContainerStatus, LocalNetwork, Volume } from '../../proto/generated/gantry/v1/engine.ts';
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import type { MemberView } from '../engine/cluster-service.ts';
import { makeObservation } from './make-observation.ts';
import type { Observation } from './observation.ts';

let observation: Observation;
afterEach(() => observation.close());

function container(status: ContainerStatus): Container {
  return Container.fromPartial({ state: { status } });
}

const onError = vi.fn();

/** A gantryd with two containers, a network and a volume; what a test changes of it shows at the next scrape. */
async function start() {
  const agent = {
    open: true,
    member: undefined as MemberView | undefined,
    isOpen: () => agent.open,
    containers: { list: async () => [container(ContainerStatus.RUNNING), container(ContainerStatus.EXITED)] },
    networks: { list: async () => [LocalNetwork.fromPartial({})] },
    volumes: { list: async () => [Volume.fromPartial({})] },
    cluster: {
      get member() {
        return agent.member;
      },
    },
  };
  const address = `127.0.0.1:${await freePort()}`;
  observation = await makeObservation(address);
  await observation.serve(agent, onError);
  const get = async (path: string) => {
    const answer = await fetch(`http://${address}${path}`);
    return { code: answer.status, text: await answer.text() };
  };
  return { agent, get, address, metrics: observation.metrics };
}

function member(sessionState: MemberView['sessionState']): MemberView {
  const statuses = [TaskState.RUNNING, TaskState.RUNNING, TaskState.PREPARING];
  return {
    nodeId: 'n1',
    sessionState,
    neededImages: async () => new Set(),
    imageHolders: async () => [],
    knownBuilds: async () => [],
    identity: undefined,
    taskStatuses: () => statuses.map((state) => TaskStatusUpdate.fromPartial({ status: { state } })),
  };
}

describe('gantryd', () => {
  it('is ready once it has its containers, and, in a cluster, a session', async () => {
    const { agent, get } = await start();
    agent.open = false;
    expect(await get('/healthz')).toEqual({ code: 200, text: '{"status":"ok"}' });
    expect(await get('/readyz')).toMatchObject({ code: 503, text: expect.stringContaining('gantryd is starting') });
    agent.open = true;
    expect(await get('/readyz')).toEqual({ code: 200, text: '{"status":"ok"}' });
    agent.member = member({ connected: false, sinceMs: 0, error: 'connection refused' });
    const { code, text } = await get('/readyz');
    expect(code).toBe(503);
    expect(JSON.parse(text)).toEqual({
      status: 'unready',
      reason: 'this node has no session with a manager: connection refused',
    });
    agent.member = member({ connected: true });
    expect(await get('/readyz')).toMatchObject({ code: 200 });
  });

  it('shows what is on the host, and what was started', async () => {
    const { get, metrics } = await start();
    metrics.containerStarted(300);
    metrics.containerStarted(20);
    metrics.containerStartFailed();
    const { code, text } = await get('/metrics');
    expect(code).toBe(200);
    expect(text.split('\n')).toEqual(
      expect.arrayContaining([
        'gantry_agent_containers{state="running"} 1',
        'gantry_agent_containers{state="exited"} 1',
        'gantry_agent_containers{state="paused"} 0',
        'gantry_agent_networks 1',
        'gantry_agent_volumes 1',
        'gantry_agent_container_starts_total 2',
        'gantry_agent_container_start_failures_total 1',
        'gantry_agent_container_start_seconds_bucket{le="0.25"} 1',
        'gantry_agent_container_start_seconds_count 2',
      ]),
    );
    expect(text).toContain('process_cpu_seconds_total');
    // In no cluster there is neither a session nor a task.
    expect(text).not.toMatch(/^gantry_agent_(session|tasks)/m);
  });

  it('shows its session and its tasks', async () => {
    const { agent, get } = await start();
    agent.member = member({ connected: true });
    const { text } = await get('/metrics');
    expect(text).toContain('gantry_agent_session_connected 1');
    expect(text).toContain('gantry_agent_tasks{state="running"} 2');
    expect(text).toContain('gantry_agent_tasks{state="preparing"} 1');
    agent.member = member({ connected: false, sinceMs: 0, error: '' });
    expect((await get('/metrics')).text).toContain('gantry_agent_session_connected 0');
  });

  it('says what it could not look up', async () => {
    const { agent, get } = await start();
    agent.volumes.list = () => Promise.reject(new Error('disk on fire'));
    expect(await get('/metrics')).toEqual({ code: 500, text: '{"status":"error","reason":"disk on fire"}' });
    expect(onError).toHaveBeenCalledOnce();
  });

  it('answers nothing else', async () => {
    const { get } = await start();
    expect(await get('/')).toMatchObject({ code: 404, text: expect.stringContaining('/metrics') });
  });

  it("doesn't start where its address can't be listened on", async () => {
    const { address, agent } = await start();
    const second = await makeObservation(address);
    await expect(second.serve(agent, onError)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: `--metrics-addr: cannot listen on ${address}: another process does`,
      hint: 'stop what holds the port, or choose another with --metrics-addr',
    });
    const elsewhere = await makeObservation('192.0.2.1:9323');
    await expect(elsewhere.serve(agent, onError)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
