/**
 * Whole clusters from a seed: messages that are lost, doubled and overtaken, nodes that crash and come back, members that
 * come and go, leadership that is handed over, reads. What Raft promises is checked throughout (figure 3 of the paper).
 */
import assert from 'node:assert/strict';
import { MemoryStorage } from './log/memory-storage.ts';
import {
  type ConfigChange,
  type Configuration,
  type Entry,
  type HardState,
  type Message,
  NO_CONFIGURATION,
  NO_PEER,
  type PeerId,
  type SingleChange,
  type Snapshot,
} from './message.ts';
import { RawNode } from './raw-node.ts';
import type { Ready } from './ready.ts';
import type { AppendWrite, ApplyWrite, StorageDone } from './storage-writes.ts';

export interface SimulationOptions {
  readonly voters: number;
  /** Nodes that may join. */
  readonly spare: number;
  readonly asyncStorageWrites: boolean;
  readonly stepDownOnRemoval: boolean;
}

/** Mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** In the place of the first entry: who has that knows who votes. */
const BOOTSTRAP = 'bootstrap';

/** What a snapshot holds: everything applied, "term/index data". */
interface State {
  applied: string[];
  configuration: Configuration;
}

interface Node {
  readonly id: PeerId;
  readonly storage: MemoryStorage;
  raw: RawNode;
  /** Lost in a crash but for the snapshot. */
  state: State;
  /** Written, but lost in a crash unless something is synced after it. */
  unsynced: HardState | undefined;
  appends: AppendWrite[];
  applies: ApplyWrite[];
}

export class Simulation {
  readonly #random: () => number;
  readonly #options: SimulationOptions;
  readonly #nodes: Node[];
  readonly #ids: readonly PeerId[];
  #wire: (Message | StorageDone)[] = [];
  #proposals = 0;
  readonly #leaders = new Map<number, PeerId>();
  /** By position: what some node has applied there. */
  readonly #committed: string[] = [];
  /** By number: what was applied somewhere when the read began. */
  readonly #reads: number[] = [];
  answeredReads = 0;
  configurations = 0;

  constructor(seed: number, options: SimulationOptions) {
    this.#random = randomFrom(seed);
    this.#options = options;
    this.#ids = Array.from({ length: options.voters + options.spare }, (_, position) => `n${position + 1}`);
    const configuration = { ...NO_CONFIGURATION, voters: this.#ids.slice(0, options.voters) };
    this.#committed.push(BOOTSTRAP);
    this.#nodes = this.#ids.map((id, position) =>
      this.#newNode(id, position < options.voters ? configuration : undefined),
    );
  }

  get committed(): readonly string[] {
    return this.#committed;
  }

  chaos(steps: number): void {
    for (let step = 0; step < steps; step += 1) this.#chaosStep(this.#pick(this.#nodes), this.#random());
  }

  /** No more faults: before long there is a leader, and everybody who takes part has the same. */
  heal(): void {
    for (let round = 0; round < 300; round += 1) {
      for (const node of this.#nodes) node.raw.tick();
      this.#settle();
      for (const node of this.#nodes) this.#propose(node);
      this.#read(this.#pick(this.#nodes));
    }
    for (let quiet = 0; quiet < 50; quiet += 1) {
      for (const node of this.#nodes) node.raw.tick();
      this.#settle();
    }
  }

  expectAgreement(): void {
    const term = Math.max(...this.#nodes.map(({ raw }) => raw.hardState.term));
    const leader = this.#nodes.find(({ raw }) => raw.softState.role === 'leader' && raw.hardState.term === term);
    assert(leader !== undefined, 'nobody leads');
    const { voters, votersOutgoing, learners } = leader.raw.status().configuration;
    for (const { id, state } of this.#nodes) {
      if (![...voters, ...votersOutgoing, ...learners].includes(id)) continue;
      assert.deepEqual(state.applied, this.#committed, `${id} has applied something else`);
      assert.deepEqual(state.configuration, leader.state.configuration, `${id} has another configuration`);
    }
  }

  #chaosStep(node: Node, draw: number): void {
    if (draw < 0.25) node.raw.tick();
    else if (draw < 0.5) this.#process(node);
    else if (draw < 0.8) this.#deliver(0.1);
    else if (draw < 0.9) this.#propose(node);
    else if (draw < 0.93) this.#read(node);
    else if (draw < 0.955) node.raw.proposeConfigChange(this.#change());
    else if (draw < 0.965) node.raw.transferLeadership(this.#pick(this.#ids));
    else if (draw < 0.97) node.raw.reportUnreachable(this.#pick(this.#ids));
    else if (draw < 0.985) this.#compact(node);
    else if (draw < 0.995) this.#crash(node);
    else node.raw.forgetLeader();
  }

  #settle(): void {
    for (let busy = true; busy; ) {
      busy = this.#wire.length > 0;
      while (this.#wire.length > 0) this.#deliver(0);
      for (const node of this.#nodes) {
        if (!node.raw.hasReady() && node.appends.length + node.applies.length === 0) continue;
        busy = true;
        this.#process(node);
      }
    }
  }

  /** Those that are there from the beginning know who votes; others learn it from a snapshot. */
  #newNode(id: PeerId, configuration: Configuration | undefined): Node {
    const storage = new MemoryStorage();
    if (configuration !== undefined) {
      storage.applySnapshot(snapshotOf(1, 1, { applied: [BOOTSTRAP], configuration }));
      storage.setHardState({ term: 1, vote: NO_PEER, commit: 1 });
    }
    const state = stateOf(storage.snapshot() ?? NOTHING);
    const raw = this.#newRaw(id, storage, state.applied.length);
    return { id, storage, raw, state, unsynced: undefined, appends: [], applies: [] };
  }

  #newRaw(id: PeerId, storage: MemoryStorage, applied: number): RawNode {
    const { asyncStorageWrites, stepDownOnRemoval } = this.#options;
    return new RawNode({
      id,
      storage,
      applied,
      electionTicks: 10,
      heartbeatTicks: 2,
      preVote: true,
      checkQuorum: true,
      maxBytesPerMessage: 64,
      maxInflightMessages: 4,
      maxBytesApplying: 100,
      asyncStorageWrites,
      stepDownOnRemoval,
      random: this.#random,
    });
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)] as Item;
  }

  #change(): ConfigChange {
    const count = this.#pick([0, 1, 1, 2, 3]);
    const changes = Array.from({ length: count }, (): SingleChange => {
      return {
        type: this.#pick(['add-voter', 'add-voter', 'add-learner', 'remove'] as const),
        node: this.#pick(this.#ids),
      };
    });
    const transition = count === 0 ? 'auto' : this.#pick(['auto', 'joint-implicit', 'joint-explicit'] as const);
    return { transition, changes, context: new Uint8Array() };
  }

  /** The driver's order; a crash between two of its steps is a crash before the next message gets through. */
  #process(node: Node): void {
    if (this.#options.asyncStorageWrites) this.#processAsync(node);
    else this.#processSync(node);
  }

  #processSync(node: Node): void {
    if (!node.raw.hasReady()) return;
    const ready = node.raw.ready();
    // Messages that come while the disk is at work.
    if (this.#random() < 0.3) this.#deliver(0.1);
    this.#noteReads(ready);
    this.#persist(node, ready, ready.mustSync);
    this.#wire.push(...ready.messages);
    for (const entry of ready.committedEntries) this.#apply(node, entry);
    node.raw.advance();
    this.#checkLeader(node);
  }

  #processAsync(node: Node): void {
    const draw = this.#random();
    if (node.raw.hasReady() && draw < 0.5) {
      const ready = node.raw.ready();
      this.#noteReads(ready);
      this.#wire.push(...ready.messages);
      for (const write of ready.writes) {
        if (write.type === 'storage-append') node.appends.push(write);
        else node.applies.push(write);
      }
    } else if (draw < 0.75) this.#finishAppend(node);
    else this.#finishApply(node);
    this.#checkLeader(node);
  }

  #finishAppend(node: Node): void {
    const write = node.appends.shift();
    if (write === undefined) return;
    this.#persist(node, write, write.responses.length > 0);
    this.#respond(node, write.responses);
  }

  #finishApply(node: Node): void {
    const write = node.applies.shift();
    if (write === undefined) return;
    for (const entry of write.entries) if (entry.index > node.state.applied.length) this.#apply(node, entry);
    this.#respond(node, write.responses);
  }

  #respond(node: Node, responses: readonly (Message | StorageDone)[]): void {
    for (const response of responses) {
      if (response.to === node.id) node.raw.step(response);
      else this.#wire.push(response);
    }
  }

  #persist(node: Node, write: Pick<Ready, 'snapshot' | 'entries' | 'hardState'>, mustSync: boolean): void {
    const { snapshot, entries, hardState } = write;
    if (snapshot !== undefined) {
      node.storage.applySnapshot(snapshot);
      node.state = stateOf(snapshot);
    }
    node.storage.append(entries);
    node.unsynced = hardState ?? node.unsynced;
    if (node.unsynced === undefined || !(mustSync || snapshot !== undefined || this.#random() < 0.3)) return;
    node.storage.setHardState(node.unsynced);
    node.unsynced = undefined;
  }

  /** State machine safety: nobody ever applies anything else at an index. */
  #apply(node: Node, entry: Entry): void {
    const text = textOf(entry);
    assert.equal(entry.index, node.state.applied.length + 1);
    if (entry.kind === 'config-change') {
      node.state.configuration = node.raw.applyConfigChange(entry.change);
      this.configurations += 1;
    }
    node.state.applied.push(text);
    this.#committed[entry.index - 1] ??= text;
    assert.equal(text, this.#committed[entry.index - 1], 'two nodes have applied different entries at an index');
  }

  /** Election safety: one leader to a term. */
  #checkLeader({ id, raw }: Node): void {
    if (raw.softState.role !== 'leader') return;
    const { term } = raw.hardState;
    assert.equal(this.#leaders.get(term) ?? id, id, `two leaders in term ${term}`);
    this.#leaders.set(term, id);
  }

  /** Any message on the wire: lost or doubled with the probability given. */
  #deliver(faults: number): void {
    if (this.#wire.length === 0) return;
    const position = faults === 0 ? 0 : Math.floor(this.#random() * this.#wire.length);
    const message = this.#wire[position] as Message;
    // Proposals are forwarded once: doubling one is a proposal of its own.
    if (message.type === 'propose' || this.#random() >= faults) this.#wire.splice(position, 1);
    const lost = this.#random() < faults;
    if (!lost) this.#node(message.to).raw.step(message);
    // As the core's contract demands: whoever waits for a snapshot to be installed hears what became of it.
    if (message.type === 'install-snapshot') this.#node(message.from).raw.reportSnapshot(message.to, !lost);
  }

  #node(id: PeerId): Node {
    return this.#nodes[this.#ids.indexOf(id)] as Node;
  }

  #propose({ raw }: Node): void {
    if (raw.propose([Buffer.from(`p${this.#proposals}`)]) !== 'dropped') this.#proposals += 1;
  }

  #read({ raw }: Node): void {
    raw.readIndex(Buffer.from(String(this.#reads.length)));
    this.#reads.push(this.#committed.length);
  }

  /** A read sees whatever had been applied anywhere when it began. */
  #noteReads({ readStates }: Ready): void {
    for (const { index, context } of readStates) {
      const applied = this.#reads[Number(Buffer.from(context).toString())] ?? 0;
      assert(index >= applied, `a read sees only ${index} of ${applied} entries`);
      this.answeredReads += 1;
    }
  }

  /** Keeps some of the entries before the snapshot, or not. */
  #compact({ storage, state }: Node): void {
    const index = state.applied.length;
    const term = storage.term(index);
    if (term === undefined || index <= (storage.snapshot()?.index ?? 0)) return;
    storage.setSnapshot(snapshotOf(index, term, state));
    storage.compact(index - Math.floor(this.#random() * 5));
  }

  #crash(node: Node): void {
    const snapshot = node.storage.snapshot() ?? NOTHING;
    node.state = stateOf(snapshot);
    node.unsynced = undefined;
    node.appends = [];
    node.applies = [];
    node.raw = this.#newRaw(node.id, node.storage, snapshot.index);
  }
}

const NOTHING = snapshotOf(0, 0, { applied: [], configuration: NO_CONFIGURATION });

function snapshotOf(index: number, term: number, { applied, configuration }: State): Snapshot {
  return { index, term, configuration, data: Buffer.from(JSON.stringify(applied)) };
}

function stateOf({ data, configuration }: Snapshot): State {
  return { applied: JSON.parse(Buffer.from(data).toString()) as string[], configuration };
}

function textOf(entry: Entry): string {
  const text = entry.kind === 'normal' ? Buffer.from(entry.data).toString() : JSON.stringify(entry.change.changes);
  return `${entry.term}/${entry.index} ${text}`;
}
