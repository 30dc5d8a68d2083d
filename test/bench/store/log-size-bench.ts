/**
 * How large a manager's log becomes in a day: each minute all agents report a new status of each of their tasks, as many
 * as a cluster does whose tasks never come to rest. As fast as the log takes them.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { systemClock } from '../../../manager/clock.ts';
import { writeStatuses } from '../../../manager/dispatcher/statuses.ts';
import { aloneOptions } from '../../../manager/replication/alone.testing.ts';
import { openReplicatedLog } from '../../../manager/replication/open.ts';
import { StoreState } from '../../../manager/store/state.ts';
import { Store } from '../../../manager/store/store.ts';
import type { TaskObject } from '../../../manager/store/task.ts';
import { makeLog } from './make-log.ts';

const CLUSTER = { tasks: 1000, services: 50, nodes: 50, kind: 'typical' } as const;
const MINUTES = 24 * 60;
const print = (line: string) => process.stdout.write(`${line}\n`);
let snapshots = 0;
const logger = pino(
  { level: 'info' },
  {
    write: (line: string) => {
      if (line.includes('snapshot taken')) snapshots += 1;
    },
  },
);

function bytesIn(dir: string): number {
  return readdirSync(dir).reduce((bytes, name) => bytes + statSync(join(dir, name)).size, 0);
}

async function reportAll(store: Store, byNode: Iterable<readonly TaskObject[]>, minute: number): Promise<void> {
  const message = `minute ${minute}`;
  const reports = [...byNode].map((tasks) => {
    const updates = tasks.map(({ id, status }) => ({
      taskId: id,
      status: { ...status, message, timestampMs: minute },
    }));
    return writeStatuses(store, { nodeId: tasks[0]?.nodeId ?? '', mountedVolumes: new Set() }, updates, minute, logger);
  });
  await Promise.all(reports);
}

async function run(dir: string): Promise<void> {
  await makeLog(dir, CLUSTER);
  const state = new StoreState(logger);
  const log = await openReplicatedLog(aloneOptions(dir, state, { logger }), new AbortController().signal);
  const store = new Store(state, log, systemClock);
  const tasks = store.view((read) => read.find('task', { by: 'all' }));
  const byNode = Map.groupBy(tasks, ({ nodeId }) => nodeId);
  const sizes = [bytesIn(dir)];
  for (let minute = 1; minute <= MINUTES; minute += 1) {
    await reportAll(store, byNode.values(), minute);
    sizes.push(bytesIn(dir));
  }
  await log.close();
  const megabytes = (bytes: number | undefined) => ((bytes ?? 0) / 1e6).toFixed(1);
  print(`A day of status updates: ${CLUSTER.tasks} tasks on ${CLUSTER.nodes} nodes, each reported once a minute:`);
  print(
    `  log        ${MINUTES * CLUSTER.tasks} updates, ${snapshots} snapshots; ${megabytes(sizes[0])} MB on disk before, ` +
      `${megabytes(sizes[MINUTES / 2])} after half a day, ${megabytes(sizes.at(-1))} after it, at most ${megabytes(Math.max(...sizes))}`,
  );
}

const dir = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
try {
  await run(dir);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
