/** Keeps up with what is in etcd: who leads and who is there, and the log, which goes into the state machine. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { GantryError, toGantryError } from '../../../proto/errors.ts';
import type { Applier } from './applier.ts';
import { readCluster } from './cluster-reader.ts';
import { type ClusterView, EMPTY_VIEW, isSameCluster, viewOf } from './cluster-view.ts';
import type { EtcdConnection } from './connection.ts';
import type { Keys } from './keys.ts';
import type { LogEnd } from './log-end.ts';
import { LogGap, readLog } from './log-reader.ts';
import { decodeLogRecord } from './record.ts';
import type { Snapshots } from './snapshots.ts';

export interface FollowerOptions {
  readonly connection: EtcdConnection;
  readonly keys: Keys;
  readonly applier: Applier;
  readonly snapshots: Snapshots;
  readonly end: LogEnd;
  readonly logger: Logger;
  /** Of the cluster's view. */
  readonly knownRevision: () => number;
  readonly onCluster: (view: ClusterView) => void;
  /** The log is damaged, or the state machine has thrown. */
  readonly onFailure: (error: GantryError) => void;
}

const RETRY_MS = 200;

export class Follower {
  readonly #options: FollowerOptions;
  /** The cluster as etcd last said that it is. */
  #seen: ClusterView = EMPTY_VIEW;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#repeat(() => this.#followCluster(signal), signal),
      this.#repeat(() => this.#followLog(signal), signal),
    ]);
  }

  async #repeat(follow: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { logger, onFailure } = this.#options;
    while (!signal.aborted) {
      try {
        await follow();
      } catch (error) {
        if (signal.aborted) return;
        const failure = toGantryError(error);
        if (failure.code === 'CORRUPT' || failure.fault === 'defect') return onFailure(failure);
        logger.debug({ err: error }, 'reading from etcd broke off; trying again');
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #followCluster(signal: AbortSignal): Promise<void> {
    const { connection, keys, knownRevision, onCluster } = this.#options;
    const known = knownRevision();
    await this.#checkCluster();
    for await (const view of readCluster(connection, keys, signal)) {
      if (view.revision < known)
        throw this.#damaged(`etcd is at revision ${view.revision}, and was at ${known} before`);
      this.#seen = view;
      onCluster(view);
    }
  }

  /** An etcd that was restored from a backup may be past the revision already at which this manager has seen the cluster. */
  async #checkCluster(): Promise<void> {
    const { connection, keys } = this.#options;
    const { revision } = this.#seen;
    const then = revision === 0 ? undefined : await connection.rangeAt(keys.cluster, revision);
    // Else it is compacted, or etcd isn't there yet, which its present revision says.
    if (then === undefined || isSameCluster(viewOf(keys, then.kvs, revision), this.#seen)) return;
    throw this.#damaged(`at revision ${revision} its members were others than this manager has seen`);
  }

  async #followLog(signal: AbortSignal): Promise<void> {
    const { connection, keys, applier } = this.#options;
    await this.#checkEnd();
    await this.#checkLatest();
    if (applier.applied === 0) await this.#restore();
    try {
      for await (const records of readLog(connection, keys, applier.applied + 1, signal)) await applier.apply(records);
    } catch (error) {
      if (!(error instanceof LogGap)) throw error;
      if (!(await this.#restore())) throw this.#damaged(error.message, error);
    }
  }

  /** False when the state is past the snapshot already. */
  async #restore(): Promise<boolean> {
    const { applier, snapshots, logger } = this.#options;
    const snapshot = await snapshots.read();
    if (snapshot === undefined || snapshot.index <= applier.applied) return false;
    await applier.restore(snapshot);
    logger.info({ index: snapshot.index, bytes: snapshot.data.byteLength }, 'state restored from the snapshot');
    return true;
  }

  /** An etcd that was restored from a backup may have less than this manager. */
  async #checkEnd(): Promise<void> {
    const { applier, end } = this.#options;
    const { applied } = applier;
    const index = await end.read();
    if (index < applied) throw this.#damaged(`it ends at ${index}, and this manager has seen entry ${applied} already`);
  }

  /** Since then others may have written over what was lost. */
  async #checkLatest(): Promise<void> {
    const { applier, connection, keys } = this.#options;
    const index = applier.applied;
    const found = await connection.get(keys.record(index));
    // Else a snapshot has taken its place; the managers compare those.
    if (found !== undefined) await applier.apply([decodeLogRecord(index, found.value)]);
  }

  #damaged(how: string, cause?: unknown): GantryError {
    const { connection } = this.#options;
    return new GantryError('CORRUPT', `the replicated log in ${connection.name} has lost something: ${how}`, {
      hint: 'if etcd was restored from a backup on purpose, let all managers start again: they begin from what it has',
      cause,
    });
  }
}
