/** Opens this manager's replicated log: today that of a cluster of one, which elects itself. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import { type KeyStore, openKeys } from '../encryption/key-store.ts';
import type { MemoryStorage } from '../raft/log/memory-storage.ts';
import { NO_PEER } from '../raft/message.ts';
import { lockDirectory } from './directory-lock.ts';
import { DurableLog } from './durable-log.ts';
import { migrateFormat1 } from './format-1.ts';
import { RaftDriver } from './raft-driver.ts';
import type { ReplicatedLog, StateMachine } from './replicated-log.ts';
import { DEFAULT_SNAPSHOT_LIMITS, type SnapshotLimits, SnapshotPolicy } from './snapshot-policy.ts';

export interface OpenOptions {
  /** Made when missing; one process at a time. */
  readonly dir: string;
  readonly nodeId: string;
  readonly address?: string;
  readonly stateMachine: StateMachine;
  readonly logger: Logger;
  /** The keys of the log in `dir`, opened once it is locked. Left out: refuses a log that wants the unlock key. */
  readonly openKeys?: (dir: string) => Promise<KeyStore>;
  readonly snapshotLimits?: SnapshotLimits;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** Once, when the log can't go on. Left out: thrown where nobody catches it, which ends the process. */
  readonly onFailure?: (error: GantryError) => void;
}

/**
 * Resolves once this node leads and its state machine has everything that was ever acknowledged. IN_USE when another
 * process has the log, CORRUPT when it is damaged, WRONG_STATE when it is another node's or locked.
 */
export async function openReplicatedLog(options: OpenOptions): Promise<ReplicatedLog> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const unlock = lockDirectory(options.dir);
  try {
    const driver = await openDriver(options);
    return new LockedLog(driver, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

async function openDriver(options: OpenOptions): Promise<RaftDriver> {
  const { nodeId, stateMachine, logger } = options;
  const keys = await (options.openKeys ?? openUnlocked)(options.dir);
  await migrateFormat1(options.dir, keys.sealer);
  const durable = new DurableLog(options.dir, keys.sealer);
  try {
    const storage = await loadOrBootstrap(durable, options);
    keys.forgetUnused();
    const limits = options.snapshotLimits ?? DEFAULT_SNAPSHOT_LIMITS;
    const policy = new SnapshotPolicy(limits, storage.snapshot()?.data.byteLength ?? 0);
    const random = options.random ?? Math.random;
    const onFailure = options.onFailure ?? throwUncaught;
    const address = options.address ?? '';
    const driver = new RaftDriver({
      nodeId,
      address,
      stateMachine,
      storage,
      durable,
      policy,
      logger,
      random,
      onFailure,
    });
    await driver.start();
    return driver;
  } catch (error) {
    await durable.close();
    throw error;
  }
}

async function openUnlocked(dir: string): Promise<KeyStore> {
  const opened = openKeys(dir, randomBytes);
  if (opened.state === 'unlocked') return opened.keys;
  throw new GantryError('WRONG_STATE', `the log in ${dir} is locked`, {
    hint: 'it can only be read with the unlock key: "gantry cluster unlock"',
  });
}

async function loadOrBootstrap(durable: DurableLog, { dir, nodeId }: OpenOptions): Promise<MemoryStorage> {
  const found = durable.load();
  if (found !== undefined) {
    checkVoters(found, dir, nodeId);
    return found;
  }
  await durable.bootstrap([nodeId], { term: 0, vote: NO_PEER, commit: 0 });
  const storage = durable.load();
  if (storage === undefined)
    throw new GantryError('HOST', `cannot make a log in ${dir}: what was written is not there`);
  return storage;
}

function checkVoters(storage: MemoryStorage, dir: string, nodeId: string): void {
  const { voters } = storage.initialState();
  if (voters.length === 1 && voters[0] === nodeId) return;
  throw new GantryError('WRONG_STATE', `the log in ${dir} belongs to node ${voters.join(', ')}, not to ${nodeId}`, {
    hint: 'give this node a data root of its own',
  });
}

function throwUncaught(error: GantryError): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** The driver's log, which lets go of the directory when it is closed. */
class LockedLog implements ReplicatedLog {
  readonly #driver: RaftDriver;
  readonly #unlock: () => void;
  #closing: Promise<void> | undefined;

  constructor(driver: RaftDriver, unlock: () => void) {
    this.#driver = driver;
    this.#unlock = unlock;
  }

  get appliedIndex(): number {
    return this.#driver.appliedIndex;
  }

  propose(data: Uint8Array): Promise<number> {
    return this.#driver.propose(data);
  }

  readBarrier(): Promise<void> {
    return this.#driver.readBarrier();
  }

  leadership(): ReturnType<RaftDriver['leadership']> {
    return this.#driver.leadership();
  }

  onLeadership(listener: Parameters<RaftDriver['onLeadership']>[0]): () => void {
    return this.#driver.onLeadership(listener);
  }

  members(): ReturnType<RaftDriver['members']> {
    return this.#driver.members();
  }

  addMember(): Promise<void> {
    return this.#driver.addMember();
  }

  removeMember(): Promise<void> {
    return this.#driver.removeMember();
  }

  transferLeadership(): Promise<void> {
    return this.#driver.transferLeadership();
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#driver.close().finally(this.#unlock);
    return this.#closing;
  }
}
