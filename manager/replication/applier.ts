/** What is committed, applied: changes to the state machine, membership to the list of peers, checkpoints as snapshots. */
import assert from 'node:assert/strict';
import type { Logger } from 'pino';
import type { MemoryStorage } from '../raft/log/memory-storage.ts';
import type { ConfigChange, Configuration, Entry } from '../raft/message.ts';
import { Checkpoints } from './checkpoints.ts';
import type { DurableLog } from './durable-log.ts';
import { decodeLogEntry, type SnapshotIdentity } from './log-entry.ts';
import { peersAfter } from './membership.ts';
import type { PeerAddress } from './peers/transport.ts';
import { entryBytes } from './peers/wire.ts';
import type { Proposals } from './proposals.ts';
import type { StateMachine } from './replicated-log.ts';
import type { SnapshotPolicy } from './snapshot-policy.ts';

export interface ApplierOptions {
  readonly stateMachine: StateMachine;
  readonly storage: MemoryStorage;
  readonly durable: DurableLog;
  readonly policy: SnapshotPolicy;
  readonly peers: readonly PeerAddress[];
  readonly proposals: Proposals;
  readonly logger: Logger;
  /** A snapshot couldn't be taken, or shows that this member has diverged. */
  readonly onFailure: (error: unknown) => void;
}

export class Applier {
  readonly #options: ApplierOptions;
  readonly #checkpoints: Checkpoints;
  #applied = 0;
  #configuration: Configuration;
  #peers: readonly PeerAddress[];
  /** Those that belong to the snapshot that new members get. */
  #snapshotPeers: readonly PeerAddress[];
  #checkpointUnderWay: boolean = false;
  /** Snapshots being taken and written. */
  #snapshotting: Promise<void> = Promise.resolve();

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#checkpoints = new Checkpoints(options.stateMachine);
    this.#configuration = options.storage.initialState().configuration;
    this.#peers = options.peers;
    this.#snapshotPeers = options.peers;
  }

  get applied(): number {
    return this.#applied;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  get peers(): readonly PeerAddress[] {
    return this.#peers;
  }

  get snapshotPeers(): readonly PeerAddress[] {
    return this.#snapshotPeers;
  }

  /** Whether it is time for a leader to propose a checkpoint. */
  get checkpointDue(): boolean {
    return this.#options.policy.due && !this.#checkpointUnderWay;
  }

  checkpoint(): Uint8Array {
    this.#checkpointUnderWay = true;
    return this.#checkpoints.proposal();
  }

  checkpointLost(): void {
    this.#checkpointUnderWay = false;
  }

  /** A leader's snapshot has taken the place of the log. */
  installed(peers: readonly PeerAddress[]): void {
    this.#peers = peers;
    this.#snapshotPeers = peers;
    this.#configuration = this.#options.storage.initialState().configuration;
  }

  /** Brings the state machine to where the stored snapshot is. */
  async restore(): Promise<void> {
    const { storage, stateMachine, policy } = this.#options;
    const snapshot = storage.snapshot();
    if (snapshot === undefined || snapshot.index === 0) return;
    await this.#checkpoints.restored(snapshot.index, snapshot.data);
    await stateMachine.restore(snapshot.index, snapshot.data);
    this.#applied = snapshot.index;
    policy.begun();
    policy.taken(snapshot.data.byteLength);
  }

  /** `applyChange`: the core's. */
  apply(entry: Entry, applyChange: (change: ConfigChange) => Configuration): void {
    const { policy, proposals } = this.#options;
    if (entry.kind === 'config-change') this.#applyChange(entry.change, applyChange);
    // The entry with which a leader begins its term says nothing.
    else if (entry.data.byteLength > 0) this.#applyData(entry.index, entry.term, entry.data);
    this.#applied = entry.index;
    policy.applied(entryBytes(entry));
    proposals.applied(entry.index, entry.term);
  }

  /** Resolves when the snapshots of all checkpoints that are applied are on disk. */
  async snapshotTaken(): Promise<void> {
    await this.#snapshotting;
  }

  #applyChange(change: ConfigChange, applyChange: (change: ConfigChange) => Configuration): void {
    this.#configuration = applyChange(change);
    this.#peers = peersAfter(this.#peers, change, this.#configuration);
    this.#options.logger.info({ changes: change.changes, configuration: this.#configuration }, 'membership changed');
  }

  #applyData(index: number, term: number, data: Uint8Array): void {
    const entry = decodeLogEntry(index, data);
    if (entry.kind === 'change') this.#options.stateMachine.apply(index, entry.data);
    else this.#takeSnapshot(index, term, entry.previous);
  }

  #takeSnapshot(index: number, term: number, previous: SnapshotIdentity | undefined): void {
    const configuration = this.#configuration;
    const peers = this.#peers;
    this.#options.policy.begun();
    const taking = this.#checkpoints.reached(index, previous).then(async ({ data }) => {
      await this.#keepSnapshot({ index, term, configuration, data }, peers);
    });
    this.#snapshotting = Promise.allSettled([this.#snapshotting, taking])
      .then(() => taking)
      .catch((error: unknown) => this.#options.onFailure(error))
      .finally(() => {
        this.#checkpointUnderWay = false;
      });
  }

  /** What was in the log before the snapshot before this one goes: who is a little behind still gets the entries. */
  async #keepSnapshot(
    snapshot: { index: number; term: number; configuration: Configuration; data: Uint8Array },
    peers: readonly PeerAddress[],
  ): Promise<void> {
    const { storage, durable, policy, logger } = this.#options;
    const before = storage.snapshot()?.index ?? 0;
    // Overtaken by one that came from the leader.
    if (before >= snapshot.index) return;
    const compacted = { index: before, term: storage.term(before) ?? 0 };
    assert(before === 0 || compacted.term > 0, 'the entry of the last snapshot has been compacted');
    await durable.compact({ ...snapshot, members: peers }, compacted);
    if ((storage.snapshot()?.index ?? 0) > snapshot.index) return;
    storage.setSnapshot(snapshot);
    storage.compact(before);
    this.#snapshotPeers = peers;
    policy.taken(snapshot.data.byteLength);
    logger.info({ index: snapshot.index, bytes: snapshot.data.byteLength }, 'snapshot taken and log compacted');
  }
}
