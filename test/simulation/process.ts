/**
 * One life of a node, from its start from disk to its crash: the core, the state machine, and the clients that wait for
 * an answer here.
 */
import assert from 'node:assert/strict';
import type { MemoryStorage } from '../../manager/raft/log/memory-storage.ts';
import type { ConfigChange, Configuration, Entry, Message, PeerId, Snapshot } from '../../manager/raft/message.ts';
import { RawNode, type Ready } from '../../manager/raft/raw-node.ts';
import { AsynchronousDriver } from './asynchronous-driver.ts';
import type { Checkers } from './checkers/checkers.ts';
import { LogTerms } from './checkers/log-terms.ts';
import { Counter } from './counter.ts';
import { describeConfiguration, describeReady } from './describe.ts';
import { applyTransaction, type Disk, type Transaction } from './disk.ts';
import type { DiskQueue } from './disk-queue.ts';
import { type Driven, type Driver, SynchronousDriver } from './driver.ts';
import { isMember, membersOf } from './membership.ts';
import { type ClientId, encodeWrite, type WriteId } from './operation.ts';
import type { Scenario } from './scenario.ts';
import type { SimulatedMs } from './scheduler.ts';
import { count, type Tally } from './tally.ts';
import type { Trace } from './trace.ts';
import { type Done, WaitingClients } from './waiting-clients.ts';

export interface ProcessOptions {
  readonly id: PeerId;
  readonly disk: Disk;
  readonly queue: DiskQueue;
  readonly scenario: Scenario;
  readonly checkers: Checkers;
  readonly tally: Tally;
  readonly trace: Trace;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly send: (message: Message) => void;
  /** This node leads now. */
  readonly elected: () => void;
  readonly applyDelay: () => SimulatedMs;
  /** Runs the action later, if this process still runs then. */
  readonly later: (delay: SimulatedMs, action: () => void) => void;
}

export class Process implements Driven {
  readonly id: PeerId;
  readonly raw: RawNode;
  readonly queue: DiskQueue;
  readonly log = new LogTerms();
  readonly counter = new Counter();
  readonly #options: ProcessOptions;
  readonly #storage: MemoryStorage;
  readonly #driver: Driver;
  readonly #clients = new WaitingClients();
  #configuration: Configuration;
  /** The configuration as text; made once, as it is looked at with every entry. */
  #configurationText: string;
  /** A new member takes no snapshot that doesn't know of it. So its leader owes it one that does. */
  #snapshotLacksMember: boolean = false;
  #applied: number;
  #snapshotUnderWay: boolean = false;

  constructor(options: ProcessOptions) {
    const { id, disk, queue, scenario, random } = options;
    this.id = id;
    this.queue = queue;
    this.#options = options;
    this.#storage = disk.load();
    this.#configuration = this.#storage.initialState().configuration;
    this.#configurationText = describeConfiguration(this.#configuration);
    this.#applied = this.#storage.snapshot()?.index ?? 0;
    this.raw = new RawNode({ ...scenario.tuning, id, storage: this.#storage, applied: this.#applied, random });
    this.#driver = scenario.tuning.asyncStorageWrites
      ? new AsynchronousDriver(this, options.applyDelay)
      : new SynchronousDriver(this, options.applyDelay, scenario.sendsEarly);
    this.#readLog();
    this.#restoreSnapshot();
    this.observe();
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  get applied(): number {
    return this.#applied;
  }

  /** Something for the core, and then whatever follows from it. */
  do<Result>(action: (raw: RawNode) => Result): Result {
    const result = action(this.raw);
    this.observe();
    this.#driver.wake();
    return result;
  }

  /** `done` hears of the version when it is applied here. False when the core doesn't take it. */
  write(write: WriteId, paddingBytes: number, done: Done): boolean {
    this.#clients.addWrite(write, done);
    return this.do((raw) => raw.propose([encodeWrite(write, paddingBytes)])) !== 'dropped';
  }

  /** `done` hears of the version when the leader has confirmed that it is as new as the call. */
  read(context: string, done: Done): void {
    this.#clients.addRead(context, done);
    this.do((raw) => raw.readIndex(Buffer.from(context)));
  }

  /** The client waits no longer. */
  forget(client: ClientId, context: string): void {
    this.#clients.forget(client, context);
  }

  // ---- what its driver makes it do ----

  took(ready: Ready): void {
    const { softState, snapshot, entries, readStates } = ready;
    const { checkers, tally, trace } = this.#options;
    trace?.(`${this.id} ready ${describeReady(ready)}`);
    if (softState?.role === 'leader') {
      this.#options.elected();
      this.#takeSnapshotWhenDue();
    }
    if (snapshot !== undefined) {
      count(tally, 'snapshots installed');
      this.log.restart(snapshot.index, snapshot.term);
    }
    checkers.logMatching.append(this.log, entries);
    this.#clients.answered(readStates);
    this.#clients.settle(this);
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) this.#options.send(message);
  }

  later(delay: SimulatedMs, action: () => void): void {
    this.#options.later(delay, action);
  }

  persisted(transaction: Transaction): void {
    applyTransaction(this.#storage, transaction);
  }

  apply({ snapshot, committedEntries }: Pick<Ready, 'snapshot' | 'committedEntries'>): void {
    if (snapshot !== undefined) {
      this.#configuration = snapshot.configuration;
      this.#configurationText = describeConfiguration(snapshot.configuration);
      this.#restoreSnapshot();
    }
    for (const entry of committedEntries) this.#apply(entry);
    this.#clients.settle(this);
    this.observe();
    this.#takeSnapshotWhenDue();
  }

  /** After each step: has it become a leader, has it committed? */
  observe(): void {
    this.#options.checkers.observe(this);
  }

  #apply(entry: Entry): void {
    // Was handed out before a snapshot came that has it.
    if (entry.index <= this.#applied) return;
    assert(entry.index === this.#applied + 1, `entry ${entry.index} is handed out after ${this.#applied}`);
    this.#applied = entry.index;
    if (entry.kind === 'config-change') this.#applyChange(entry.change);
    this.counter.apply(entry.index, entry.kind === 'normal' ? entry.data : new Uint8Array());
    this.#options.checkers.stateMachineSafety.applied(this.id, entry, this.#summary());
  }

  #applyChange(change: ConfigChange): void {
    this.#configuration = this.raw.applyConfigChange(change);
    this.#configurationText = describeConfiguration(this.#configuration);
    this.#compareSnapshot();
    this.#options.trace?.(`${this.id} is now in ${this.#configurationText}`);
  }

  // ---- snapshots ----

  /** Keeps a snapshot of what is applied, beside whatever else goes on. */
  takeSnapshot(keepEntries: number): void {
    const term = this.#storage.term(this.#applied);
    // What is applied may not be on this node's own disk yet.
    if (this.#snapshotUnderWay || term === undefined || this.#applied <= (this.#storage.snapshot()?.index ?? 0)) return;
    const data = this.counter.snapshot();
    const snapshot: Snapshot = { index: this.#applied, term, configuration: this.#configuration, data };
    const taken = { snapshot, compactTo: Math.max(snapshot.index - keepEntries, this.#storage.firstIndex() - 1) };
    const transaction = { hardState: undefined, installed: undefined, entries: [], taken };
    this.#snapshotUnderWay = true;
    this.queue.submit(transaction, true, () => {
      this.#snapshotUnderWay = false;
      this.persisted(transaction);
      this.#compareSnapshot();
      count(this.#options.tally, 'snapshots taken');
      this.#takeSnapshotWhenDue();
    });
  }

  #compareSnapshot(): void {
    const snapshot = this.#storage.snapshot();
    const members = membersOf(this.#configuration);
    this.#snapshotLacksMember = snapshot !== undefined && !members.every((id) => isMember(snapshot.configuration, id));
  }

  #takeSnapshotWhenDue(): void {
    const { snapshotEntries, keepEntries } = this.#options.scenario;
    const since = this.#applied - (this.#storage.snapshot()?.index ?? 0);
    const owed = this.#snapshotLacksMember && this.raw.softState.role === 'leader';
    if (since >= snapshotEntries || owed) this.takeSnapshot(keepEntries);
  }

  #restoreSnapshot(): void {
    const snapshot = this.#storage.snapshot();
    if (snapshot === undefined) return;
    this.counter.restore(snapshot.data);
    this.#applied = snapshot.index;
    this.#options.checkers.stateMachineSafety.restored(this.id, snapshot.index, this.#summary());
  }

  /** What is on disk is the log that the core begins with. */
  #readLog(): void {
    const [first, end] = [this.#storage.firstIndex(), this.#storage.lastIndex() + 1];
    this.log.restart(first - 1, this.#storage.term(first - 1) ?? 0);
    if (first === end) return;
    const entries = this.#storage.entries(first, end, Number.MAX_SAFE_INTEGER);
    this.#options.checkers.logMatching.append(this.log, entries);
  }

  #summary() {
    return { hash: this.counter.hash, configuration: this.#configurationText };
  }
}
