import { createServer, type Server } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import pino, { type Logger } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { freePort } from '../../proto/free-port.testing.ts';
import { NodeAvailability, NodeState, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { systemClock } from '../clock.ts';
import { runControlLoop } from '../control-loop.ts';
import { NodeImages } from '../images/node-images.ts';
import { node, service, task } from '../objects.testing.ts';
import { schedulerLoop } from '../scheduler/scheduler.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { StoreState } from '../store/state.ts';
import { Store } from '../store/store.ts';
import { Turns } from '../turns.ts';
import { type OpenedMetrics, openMetrics } from './open.ts';
import { countTasks } from './task-counts.ts';

const logger = pino({ level: 'silent' });

let opened: OpenedMetrics | undefined;
let other: Server | undefined;
afterEach(async () => {
  await opened?.close();
  other?.close();
  opened = undefined;
  other = undefined;
});

async function open(log: Logger = logger) {
  const address = `127.0.0.1:${await freePort()}`;
  opened = await openMetrics(address, log);
  const get = async (path: string) => {
    const answer = await fetch(`http://${address}${path}`);
    return { code: answer.status, text: await answer.text(), type: answer.headers.get('content-type') };
  };
  return { metrics: opened.metrics, get };
}

function leadingStore() {
  const state = new StoreState(logger);
  const log = new MemoryLog('n1', state);
  return { log, store: new Store(state, log, systemClock) };
}

describe('a manager', () => {
  it('is alive from the first, and ready once it serves and knows a leader', async () => {
    const { metrics, get } = await open();
    expect(await get('/healthz')).toMatchObject({ code: 200, text: '{"status":"ok"}' });
    expect(await get('/readyz')).toMatchObject({ code: 503, text: expect.stringContaining('reads its log') });
    metrics.locked();
    expect(await get('/readyz')).toMatchObject({ code: 503, text: expect.stringContaining('the manager is locked') });
    metrics.opening();
    expect(await get('/readyz')).toMatchObject({ code: 503, text: expect.stringContaining('reads its log') });
    const { store, log } = leadingStore();
    metrics.serving({ store, log, sessions: () => 0 });
    expect(await get('/readyz')).toMatchObject({ code: 200, text: '{"status":"ok"}' });
    log.lead(false);
    expect(JSON.parse((await get('/readyz')).text)).toEqual({
      status: 'unready',
      reason: "the cluster's managers have no leader at the moment; try again in a few seconds",
    });
    vi.spyOn(log, 'problem').mockReturnValue(new GantryError('UNAVAILABLE', '1 of 3 managers can be reached') as never);
    expect(await get('/readyz')).toMatchObject({ code: 503, text: expect.stringContaining('1 of 3 managers') });
    expect(await get('/healthz')).toMatchObject({ code: 200 });
  });

  it('shows the log, the objects, and what it leads', async () => {
    const { metrics, get } = await open();
    const { store, log } = leadingStore();
    log.others.set('n2', { address: '10.0.0.2:2377', reachable: false });
    await store.update((tx) => {
      tx.create('node', node('n1', { state: NodeState.READY }));
      tx.create('node', node('n2', { state: NodeState.DOWN, availability: NodeAvailability.DRAIN }));
      tx.create('service', service('web'));
      tx.create('task', task('t1', { nodeId: 'n1', state: TaskState.RUNNING }));
      tx.create('task', task('t2', { nodeId: 'n2', state: TaskState.RUNNING }));
      tx.create('task', task('t3', { state: TaskState.PENDING }));
    });
    metrics.serving({ store, log, sessions: () => 1 });
    const { code, text, type } = await get('/metrics');
    expect(code).toBe(200);
    expect(type).toContain('text/plain; version=0.0.4');
    const lines = text.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'gantry_manager_raft_term 1',
        'gantry_manager_raft_is_leader 1',
        'gantry_manager_raft_has_leader 1',
        'gantry_manager_raft_commit_index 1',
        'gantry_manager_raft_applied_index 1',
        'gantry_manager_raft_log_entries 1',
        'gantry_manager_raft_proposals_pending 0',
        'gantry_manager_raft_members{voter="true",reachable="true"} 1',
        'gantry_manager_raft_members{voter="true",reachable="false"} 1',
        'gantry_manager_store_objects{kind="task"} 3',
        'gantry_manager_store_objects{kind="secret"} 0',
        'gantry_manager_tasks{state="running"} 2',
        'gantry_manager_tasks{state="pending"} 1',
        'gantry_manager_tasks{state="failed"} 0',
        'gantry_manager_nodes{state="ready"} 1',
        'gantry_manager_nodes{state="down"} 1',
        'gantry_manager_nodes_availability{availability="drain"} 1',
        'gantry_manager_dispatcher_sessions 1',
      ]),
    );
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
    expect(text).toContain('process_resident_memory_bytes');
  });

  it("doesn't show what only the leader knows when it doesn't lead, nor anything of a log that it hasn't read", async () => {
    const { metrics, get } = await open();
    expect((await get('/metrics')).text).not.toMatch(/^gantry_manager_(raft|store|tasks|nodes|dispatcher)/m);
    const { store, log } = leadingStore();
    log.lead(false);
    metrics.serving({ store, log, sessions: () => undefined });
    const { text } = await get('/metrics');
    expect(text).toContain('gantry_manager_raft_is_leader 0');
    expect(text).not.toMatch(/^gantry_manager_(tasks|nodes|dispatcher)/m);
  });

  it('counts what the scheduler places, how long that took, and what failed', async () => {
    const { metrics, get } = await open();
    const { store } = leadingStore();
    const over = new AbortController();
    const context = { store, logger, clock: systemClock, turns: new Turns(), metrics };
    const running = runControlLoop(schedulerLoop(metrics, new NodeImages()), context, over.signal);
    await store.update((tx) => {
      tx.create('node', node('n1', { state: NodeState.READY }));
      tx.create('service', service('web'));
      tx.create('task', task('t1', { nodeId: '', state: TaskState.PENDING }));
    });
    await vi.waitFor(async () => {
      expect((await get('/metrics')).text).toContain('gantry_manager_scheduler_placements_total 1');
    });
    over.abort();
    await running;
    metrics.loopFailed('scheduler', 'CONFLICT');
    const { text } = await get('/metrics');
    expect(text).toContain('gantry_manager_scheduler_placement_seconds_count 1');
    expect(text).toContain('gantry_manager_loop_failures_total{loop="scheduler",code="CONFLICT"} 1');
  });

  it('goes on without metrics when another process holds the port, and says so', async () => {
    const port = await freePort();
    other = createServer();
    await new Promise<void>((resolve) => other?.listen(port, '127.0.0.1', resolve));
    const lines: string[] = [];
    const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
    opened = await openMetrics(`127.0.0.1:${port}`, log);
    opened.metrics.placed(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`--manager-metrics-addr: cannot listen on 127.0.0.1:${port}: another process does`);
    expect(lines[0]).toContain('choose another with --manager-metrics-addr');
  });
});

describe('counting tasks', () => {
  it('lets others have their turns while there are 100,000', async () => {
    const tasks = Array.from({ length: 100_000 }, (_, index) => task(`t${index}`, { state: TaskState.RUNNING }));
    let counting = true;
    let turns = 0;
    const counted = countTasks(tasks).finally(() => {
      counting = false;
    });
    while (counting) {
      await nextTurn();
      turns += 1;
    }
    const counts = await counted;
    expect(counts.samples('state')).toContainEqual({ labels: { state: 'running' }, value: 100_000 });
    expect(turns).toBeGreaterThan(20);
  });
});
