import pino from 'pino';
import { expect, it } from 'vitest';
import { Cluster, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { task } from '../objects.testing.ts';
import { clusterType } from '../store/cluster.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { StoreState } from '../store/state.ts';
import { FORMAT_OF_UPDATE_STATUS } from '../store/state-format.ts';
import { Store } from '../store/store.ts';
import { NO_TASK_STATUS } from '../store/task.ts';
import { writeStatuses } from './statuses.ts';

const HOUR_MS = 3_600_000;
const REPORTER = { nodeId: 'n1', mountedVolumes: new Set<string>() };
const logger = pino({ level: 'silent' });

async function storeOf(stateFormat: number): Promise<Store> {
  const state = new StoreState(logger);
  const store = new Store(state, new MemoryLog('n1', state), { now: () => 1, sleep: () => Promise.resolve() });
  await store.update((tx) => {
    tx.create('cluster', clusterType.complete(Cluster.fromPartial({ id: 'c', stateFormat })));
    tx.create('task', task('t', { nodeId: 'n1', state: TaskState.STARTING }));
  });
  return store;
}

/** By an agent whose clock is an hour ahead. */
async function report(store: Store, state: TaskState, nowMs: number) {
  const status = { ...NO_TASK_STATUS, state, timestampMs: nowMs + HOUR_MS };
  await writeStatuses(store, REPORTER, [{ taskId: 't', status }], nowMs, logger);
  return store.view((read) => read.get('task', 't'))?.status;
}

it("notes when a task began and ended by the manager's clock, whatever the agent's says", async () => {
  const store = await storeOf(FORMAT_OF_UPDATE_STATUS);
  expect(await report(store, TaskState.RUNNING, 1000)).toMatchObject({ startedAtMs: 1000, endedAtMs: 0 });
  expect(await report(store, TaskState.FAILED, 7000)).toMatchObject({ startedAtMs: 1000, endedAtMs: 7000 });
  // Refused: it has ended.
  expect(await report(store, TaskState.SHUTDOWN, 9000)).toMatchObject({ state: TaskState.FAILED, endedAtMs: 7000 });
});

it('notes nothing while a manager would lose it', async () => {
  const store = await storeOf(FORMAT_OF_UPDATE_STATUS - 1);
  expect(await report(store, TaskState.RUNNING, 1000)).toMatchObject({ startedAtMs: 0 });
  expect(await report(store, TaskState.FAILED, 7000)).toMatchObject({ endedAtMs: 0 });
});
