/**
 * The way out of lost quorum: the log of one surviving manager becomes that of a cluster of one. Everything that it has
 * in its log counts, also what it doesn't know to be committed: the managers that are gone may have acknowledged it.
 */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import { type KeyStore, openKeys } from '../encryption/key-store.ts';
import { lockedError } from '../locked.ts';
import type { MemoryStorage } from '../raft/log/memory-storage.ts';
import { lockDirectory } from '../replication/directory-lock.ts';
import { DurableLog } from '../replication/durable-log.ts';
import { migrateFormat1 } from '../replication/format-1.ts';
import { type StateToTakeOver, soleManagerLog } from './sole-manager-log.ts';
import { stateAt } from './state-at.ts';

export interface RecoverOptions {
  /** Of the manager's log; no manager may run on it. */
  readonly dir: string;
  readonly nodeId: string;
  /** Of a cluster with autolock. */
  readonly unlockKey: Uint8Array | undefined;
  readonly nowMs: number;
  readonly logger: Logger;
}

/**
 * IN_USE while the manager runs, WRONG_STATE when its keys are locked and there is no unlock key, CORRUPT. Crash points:
 * all is one LMDB transaction; before it nothing has happened. Doing it again does no harm.
 */
export async function recoverLog(options: RecoverOptions): Promise<void> {
  const unlock = lockDirectory(options.dir);
  try {
    const keys = openWith(options);
    await migrateFormat1(options.dir, keys.sealer);
    const durable = new DurableLog(options.dir, keys.sealer, options.nodeId);
    try {
      await durable.reset(await recovered(durable, options));
    } finally {
      await durable.close();
    }
  } finally {
    unlock();
  }
}

function openWith({ dir, unlockKey }: RecoverOptions): KeyStore {
  const opened = openKeys(dir, randomBytes);
  if (opened.state === 'unlocked') return opened.keys;
  if (unlockKey === undefined) throw lockedError();
  return opened.unlock(unlockKey);
}

async function recovered(durable: DurableLog, { dir, nodeId, nowMs, logger }: RecoverOptions) {
  const loaded = await durable.load();
  if (loaded === undefined) {
    throw new GantryError('NOT_FOUND', `there is no log in ${dir} that could be recovered`, {
      hint: 'recover on a node that was a manager, or restore a backup',
    });
  }
  return soleManagerLog(await stateToTakeOver(loaded.storage, logger), nodeId, nowMs);
}

async function stateToTakeOver(storage: MemoryStorage, logger: Logger): Promise<StateToTakeOver> {
  const index = storage.lastIndex();
  const state = await stateAt(storage, index, logger);
  return { state, index, term: storage.initialState().hardState.term };
}
