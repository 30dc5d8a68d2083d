/**
 * Snapshots at the same entries on every member: the leader proposes a checkpoint, and whoever applies it takes a
 * snapshot exactly there. The next checkpoint carries the hash of the leader's last snapshot; a member that has another
 * one for the same entry has diverged, and must not go on.
 */
import { GantryError } from '../../proto/errors.ts';
import { encodeLogEntry, type SnapshotIdentity } from './log-entry.ts';
import type { StateMachine } from './replicated-log.ts';
import { snapshotHash } from './snapshot-hash.ts';

export interface TakenSnapshot extends SnapshotIdentity {
  readonly data: Uint8Array;
}

export class Checkpoints {
  readonly #stateMachine: StateMachine;
  #last: SnapshotIdentity | undefined;
  /** One after the other, so that each is compared with the one before it. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(stateMachine: StateMachine) {
    this.#stateMachine = stateMachine;
  }

  /** The entry that makes every member take a snapshot. */
  proposal(): Uint8Array {
    return encodeLogEntry({ kind: 'checkpoint', previous: this.#last });
  }

  /** The state was begun from this snapshot. */
  async restored(index: number, data: Uint8Array): Promise<void> {
    this.#last = { index, hash: await snapshotHash(data) };
  }

  /**
   * Called when the checkpoint is applied: the snapshot is of the state at this moment, although it is only complete
   * later. Rejects with CORRUPT when the one before differs from the leader's.
   */
  reached(index: number, previous: SnapshotIdentity | undefined): Promise<TakenSnapshot> {
    const data = this.#stateMachine.snapshot();
    const taken = this.#queue.then(async () => {
      this.#compare(previous);
      const snapshot = { index, data: await data, hash: await snapshotHash(await data) };
      this.#last = { index, hash: snapshot.hash };
      return snapshot;
    });
    this.#queue = Promise.allSettled([taken, data]);
    return taken;
  }

  #compare(previous: SnapshotIdentity | undefined): void {
    const own = this.#last;
    if (own === undefined || previous === undefined || own.index !== previous.index) return;
    if (Buffer.compare(own.hash, previous.hash) === 0) return;
    throw new GantryError('CORRUPT', `this manager's state at entry ${own.index} differs from the leader's`, {
      hint: 'take it out with "gantry node demote" and promote it again: it begins anew from the others\' state',
    });
  }
}
