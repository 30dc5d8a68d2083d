/** A manager's log with a large cluster in it, written by the store itself. */
import { mkdirSync } from 'node:fs';
import pino from 'pino';
import { systemClock } from '../../../manager/clock.ts';
import { aloneOptions } from '../../../manager/replication/alone.testing.ts';
import { openReplicatedLog } from '../../../manager/replication/open.ts';
import type { AnyObject, ObjectKind } from '../../../manager/store/objects.ts';
import { StoreState } from '../../../manager/store/state.ts';
import { Store } from '../../../manager/store/store.ts';
import type { NewObject, WriteTransaction } from '../../../manager/store/transaction.ts';
import { type FleetSize, fleet, SIZE } from './fleet.ts';

const OBJECTS_AT_ONCE = 500;

/** `dir`: of the log, which is begun when there is none; its node is `node1`. */
export async function makeLog(dir: string, size: FleetSize): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const state = new StoreState(pino({ level: 'silent' }));
  const log = await openReplicatedLog(aloneOptions(dir, state), new AbortController().signal);
  const store = new Store(state, log, systemClock);
  for (const some of inGroups(fleet(size), OBJECTS_AT_ONCE)) {
    await store.update((tx) => some.forEach((object) => void create(tx, object)));
  }
  await log.close();
}

function* inGroups<T>(items: Iterable<T>, size: number): Generator<readonly T[], void, undefined> {
  let group: T[] = [];
  for (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function create(tx: WriteTransaction, { kind, object }: AnyObject): void {
  tx.create(kind, object as unknown as NewObject<ObjectKind>);
}

// As a program: DIR KIND. The memory that it takes is gone when what is measured begins.
if (process.argv[1] === import.meta.filename) {
  const [, , dir = '', kind] = process.argv;
  await makeLog(dir, { ...SIZE, kind: kind === 'small' ? 'small' : 'typical' });
}
