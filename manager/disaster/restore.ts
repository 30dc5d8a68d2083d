/** A backup as the log of a new cluster's first manager. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { syncDirectory } from '../encryption/key-file.ts';
import { openKeys } from '../encryption/key-store.ts';
import { DurableLog, type LogContent } from '../replication/durable-log.ts';
import { StoreState } from '../store/state.ts';
import { readBackup } from './read-backup.ts';
import { soleManagerLog } from './sole-manager-log.ts';

export interface RestoreOptions {
  readonly backup: Buffer;
  /** The one that the cluster had when the backup was made, where it had one. */
  readonly unlockKey: Uint8Array | undefined;
  /** Where the log is made; what is there is removed. No manager runs on it: it is put in its place when it is complete. */
  readonly dir: string;
  readonly nodeId: string;
  readonly nowMs: number;
  readonly logger: Logger;
}

export interface Restored {
  readonly clusterId: string;
  /** The node was in the cluster when the backup was made: what it runs is the cluster's. */
  readonly nodeKnown: boolean;
}

/** On disk when it resolves. See readBackup for errors; nothing is written before the backup is known to be good. */
export async function restoreLog(options: RestoreOptions): Promise<Restored> {
  const { backup, unlockKey, dir, nodeId, nowMs, logger } = options;
  const { header, data } = await readBackup(backup, unlockKey);
  const state = new StoreState(logger);
  await state.restore(header.index, data);
  const nodeKnown = state.committed.get('node', nodeId) !== undefined;
  await writeLog(dir, nodeId, await soleManagerLog({ state, index: header.index, term: header.term }, nodeId, nowMs));
  return { clusterId: header.clusterId, nodeKnown };
}

/** The keys aren't locked yet: the manager locks them as the cluster wants it once it runs. */
async function writeLog(dir: string, nodeId: string, content: LogContent): Promise<void> {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const opened = openKeys(dir, randomBytes);
  if (opened.state === 'locked') throw new Error('new keys are never locked');
  const durable = new DurableLog(dir, opened.keys.sealer, nodeId);
  try {
    await durable.reset(content);
  } finally {
    await durable.close();
  }
  for (const directory of [dir, dirname(dir)]) syncDirectory(directory);
}
