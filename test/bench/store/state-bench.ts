/** The state alone: memory, snapshot, restoration and applied entries per second, and how long each holds up the loop. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import pino from 'pino';
import { type AnyObject, toWire } from '../../../manager/store/objects.ts';
import { StoreState } from '../../../manager/store/state.ts';
import type { TaskObject } from '../../../manager/store/task.ts';
import { type StoreAction, StoreActionKind, StoreTransaction } from '../../../proto/generated/gantry/v1/store.ts';
import { type FleetSize, fleet, SIZE } from './fleet.ts';
import { measured, pausesText } from './pause-meter.ts';

const print = (line: string) => process.stdout.write(`${line}\n`);
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const BATCH = 200;
const UPDATES = 20_000;

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function entry(...actions: StoreAction[]): Uint8Array {
  return StoreTransaction.encode({ actions }).finish();
}

/** Index of the last entry. */
async function fill(state: StoreState, size: FleetSize): Promise<number> {
  const now = Date.now();
  let index = 0;
  let actions: StoreAction[] = [];
  const flush = () => {
    index += 1;
    state.apply(index, entry(...actions));
    actions = [];
  };
  for (const { kind, object } of fleet(size)) {
    const meta = { version: 0, createdAtMs: now, updatedAtMs: now, createdVersion: 0 };
    actions.push({ kind: StoreActionKind.CREATE, target: toWire({ kind, object: { ...object, meta } } as AnyObject) });
    if (actions.length < BATCH) continue;
    flush();
    await nextTurn();
  }
  flush();
  return index;
}

/** As an agent's report makes it. */
function statusUpdate(task: TaskObject, number: number): Uint8Array {
  const status = { ...task.status, timestampMs: Date.now(), pid: 1000 + (number % 30_000) };
  return entry({ kind: StoreActionKind.UPDATE, target: toWire({ kind: 'task', object: { ...task, status } }) });
}

async function applyUpdates(state: StoreState, ids: readonly string[], first: number, count: number): Promise<number> {
  let applyMs = 0;
  for (let number = 0; number < count; number += 1) {
    const task = state.committed.get('task', ids[(number * 7919) % ids.length] ?? '');
    if (task === undefined) throw new Error('the task is missing');
    const data = statusUpdate(task, number);
    const begin = performance.now();
    state.apply(first + number, data);
    applyMs += performance.now() - begin;
    if (number % 50 === 0) await nextTurn();
  }
  return applyMs;
}

/** Entries go on being applied while the snapshot is made. */
async function snapshotUnderLoad(state: StoreState, ids: readonly string[], index: number) {
  let applied = 0;
  const taken = state.snapshot();
  const outcome: { data?: Uint8Array } = {};
  void taken.then((data) => Object.assign(outcome, { data }));
  while (outcome.data === undefined) {
    await applyUpdates(state, ids, index + 1 + applied, 5);
    applied += 5;
    await nextTurn();
  }
  return { data: await taken, applied };
}

async function run(size: FleetSize): Promise<void> {
  print(`${size.tasks} tasks of ${size.services} services on ${size.nodes} nodes, ${size.kind}:`);
  const before = heapBytes();
  const state = new StoreState(pino({ level: 'silent' }));
  const filled = await measured(() => fill(state, size));
  let index = filled.result;
  const bytes = heapBytes() - before;
  print(`  memory     ${(bytes / 2 ** 20).toFixed(0)} MiB, ${(bytes / size.tasks).toFixed(0)} bytes per task`);
  print(`  filled     ${pausesText(filled.pauses)}`);

  const ids = state.committed.find('task', { by: 'all' }).map((task) => task.id);
  const updates = await measured(() => applyUpdates(state, ids, index + 1, UPDATES));
  index += UPDATES;
  print(
    `  apply      ${((UPDATES / updates.result) * 1000).toFixed(0)} status updates/s; ${pausesText(updates.pauses)}`,
  );

  const alone = await measured(() => state.snapshot());
  const megabytes = (alone.result.byteLength / 1e6).toFixed(1);
  print(`  snapshot   ${megabytes} MB in ${alone.ms.toFixed(0)} ms; ${pausesText(alone.pauses)}`);
  const loaded = await measured(() => snapshotUnderLoad(state, ids, index));
  print(`    loaded   ${loaded.result.applied} entries applied meanwhile; ${pausesText(loaded.pauses)}`);

  const other = new StoreState(pino({ level: 'silent' }));
  const restored = await measured(() => other.restore(index, alone.result));
  print(`  restore    ${restored.ms.toFixed(0)} ms; ${pausesText(restored.pauses)}`);
  const again = Buffer.compare(await other.snapshot(), alone.result) === 0;
  print(`  the restored state has ${again ? 'the same' : 'ANOTHER'} snapshot`);
}

await run({ ...SIZE, kind: process.argv[2] === 'small' ? 'small' : 'typical' });
