/** Whether the managers' logs, read from disk once all have ended, make the same state. */
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pino } from 'pino';
import { stateAt } from '../../manager/disaster/state-at.ts';
import { openKeys } from '../../manager/encryption/key-store.ts';
import type { MemoryStorage } from '../../manager/raft/log/memory-storage.ts';
import { lockDirectory } from '../../manager/replication/directory-lock.ts';
import { DurableLog } from '../../manager/replication/durable-log.ts';
import type { ManagerHost } from './cluster.ts';

const quiet = pino({ level: 'silent' });

export interface StateComparison {
  /** Of the last entry in the states. */
  readonly index: number;
  /** SHA-256 of the state, by host. */
  readonly hashes: ReadonlyMap<string, string>;
}

/** Throws when a log can't be read, or when there is no index at which all could be compared. */
export async function compareStates(managers: readonly ManagerHost[]): Promise<StateComparison> {
  const storages = new Map<string, MemoryStorage>();
  for (const manager of managers) storages.set(manager.host.name, await readLog(manager));
  const index = lastCommon([...storages.values()]);
  const hashes = new Map<string, string>();
  for (const [name, storage] of storages) hashes.set(name, await hashAt(storage, index));
  return { index, hashes };
}

async function readLog({ host, nodeId }: ManagerHost): Promise<MemoryStorage> {
  const dir = join(host.dataRoot, 'manager');
  const unlock = lockDirectory(dir);
  try {
    const opened = openKeys(dir, randomBytes);
    if (opened.state === 'locked') throw new Error(`the log in ${dir} is locked`);
    const durable = new DurableLog(dir, opened.keys.sealer, nodeId);
    try {
      const loaded = await durable.load();
      if (loaded === undefined) throw new Error(`there is no log in ${dir}`);
      return loaded.storage;
    } finally {
      await durable.close();
    }
  } finally {
    unlock();
  }
}

/**
 * The last entry that one of them knows to be committed and all of them have: each may have written down a little late
 * how far it is committed.
 */
export function lastCommon(storages: readonly MemoryStorage[]): number {
  const committed = Math.max(...storages.map((storage) => storage.initialState().hardState.commit));
  const snapshots = Math.max(...storages.map((storage) => storage.snapshot()?.index ?? 0));
  for (let index = committed; index >= snapshots; index -= 1) {
    const terms = new Set(storages.map((storage) => storage.term(index)));
    if (terms.size === 1 && !terms.has(undefined)) return index;
  }
  throw new Error(`no entry from ${snapshots} to ${committed} is the same in all logs`);
}

async function hashAt(storage: MemoryStorage, index: number): Promise<string> {
  const state = await stateAt(storage, index, quiet);
  return createHash('sha256')
    .update(await state.snapshot())
    .digest('hex');
}
