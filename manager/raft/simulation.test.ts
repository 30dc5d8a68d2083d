/**
 * Whole clusters from a seed: messages that are lost, doubled and overtaken, nodes that crash and come back. What Raft
 * promises is checked throughout (figure 3 of the paper). A failure names the seed, and the seed brings it back.
 */
import { describe, expect, it } from 'vitest';
import { MemoryStorage } from './log/memory-storage.ts';
import { type Configuration, type Entry, type Message, NO_CONFIGURATION, type PeerId } from './message.ts';
import { RawNode, type Ready } from './raw-node.ts';

/** Mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Node {
  readonly id: PeerId;
  readonly storage: MemoryStorage;
  raw: RawNode;
  /** The state machine: everything applied, "term/index data"; lost in a crash but for the snapshot. */
  applied: string[];
}

class Simulation {
  readonly #random: () => number;
  readonly #voters: readonly PeerId[];
  readonly #configuration: Configuration;
  readonly #nodes: Node[];
  #wire: Message[] = [];
  #proposals = 0;
  readonly #leaders = new Map<number, PeerId>();
  /** By position: what some node has applied there. */
  readonly #committed: string[] = [];

  constructor(seed: number, size: number) {
    this.#random = randomFrom(seed);
    this.#voters = Array.from({ length: size }, (_, position) => `n${position + 1}`);
    this.#configuration = { ...NO_CONFIGURATION, voters: this.#voters };
    this.#nodes = this.#voters.map((id) => {
      const storage = new MemoryStorage();
      storage.applySnapshot({ index: 0, term: 0, configuration: this.#configuration, data: Buffer.from('[]') });
      return { id, storage, raw: this.#newRaw(id, storage, 0), applied: [] };
    });
  }

  get committed(): readonly string[] {
    return this.#committed;
  }

  chaos(steps: number): void {
    for (let step = 0; step < steps; step += 1) {
      const node = this.#pick(this.#nodes);
      const draw = this.#random();
      if (draw < 0.3) node.raw.tick();
      else if (draw < 0.6) this.#process(node);
      else if (draw < 0.9) this.#deliver(0.15);
      else if (draw < 0.97) this.#propose(node);
      else if (draw < 0.985) this.#compact(node);
      else this.#crash(node);
    }
  }

  /** No more faults: before long there is a leader, and everybody has the same. */
  heal(): void {
    for (let round = 0; round < 300; round += 1) {
      for (const node of this.#nodes) node.raw.tick();
      for (const node of this.#nodes) while (node.raw.hasReady()) this.#process(node);
      while (this.#wire.length > 0) this.#deliver(0);
      for (const node of this.#nodes) this.#propose(node);
    }
    for (let quiet = 0; quiet < 50; quiet += 1) {
      for (const node of this.#nodes) {
        node.raw.tick();
        while (node.raw.hasReady()) this.#process(node);
      }
      while (this.#wire.length > 0) this.#deliver(0);
    }
  }

  expectAgreement(): void {
    expect(this.#nodes.filter(({ raw }) => raw.softState.role === 'leader')).toHaveLength(1);
    for (const { applied } of this.#nodes) expect(applied).toEqual(this.#committed);
  }

  #newRaw(id: PeerId, storage: MemoryStorage, applied: number): RawNode {
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
      random: this.#random,
    });
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)] as Item;
  }

  /** The driver's order; a crash between two of its steps is a crash before the next message gets through. */
  #process(node: Node): void {
    if (!node.raw.hasReady()) return;
    const ready = node.raw.ready();
    this.#persist(node, ready);
    this.#wire.push(...ready.messages);
    for (const entry of ready.committedEntries) this.#apply(node, entry.index, textOf(entry));
    node.raw.advance();
    this.#checkLeader(node);
  }

  #persist({ storage, ...node }: Node, { snapshot, entries, hardState, mustSync }: Ready): void {
    if (snapshot !== undefined) {
      storage.applySnapshot(snapshot);
      node.applied.splice(0, node.applied.length, ...(JSON.parse(Buffer.from(snapshot.data).toString()) as string[]));
    }
    storage.append(entries);
    // What needn't be synced may be lost.
    if (hardState !== undefined && (mustSync || snapshot !== undefined || this.#random() < 0.5)) {
      storage.setHardState(hardState);
    }
  }

  /** State machine safety: nobody ever applies anything else at an index. */
  #apply(node: Node, index: number, entry: string): void {
    expect(index).toBe(node.applied.length + 1);
    node.applied.push(entry);
    this.#committed[index - 1] ??= entry;
    expect(entry).toBe(this.#committed[index - 1]);
  }

  /** Election safety: one leader to a term. */
  #checkLeader({ id, raw }: Node): void {
    if (raw.softState.role !== 'leader') return;
    const { term } = raw.hardState;
    expect(this.#leaders.get(term) ?? id).toBe(id);
    this.#leaders.set(term, id);
  }

  /** Any message on the wire: lost or doubled with the probability given. */
  #deliver(faults: number): void {
    if (this.#wire.length === 0) return;
    const position = faults === 0 ? 0 : Math.floor(this.#random() * this.#wire.length);
    const message = this.#wire[position] as Message;
    if (this.#random() >= faults) this.#wire.splice(position, 1);
    const lost = this.#random() < faults;
    if (!lost) this.#node(message.to).raw.step(message);
    // As the core's contract demands: whoever waits for a snapshot to be installed hears what became of it.
    if (message.type === 'install-snapshot') this.#node(message.from).raw.reportSnapshot(message.to, !lost);
  }

  #node(id: PeerId): Node {
    return this.#nodes[this.#voters.indexOf(id)] as Node;
  }

  #propose({ raw }: Node): void {
    if (raw.propose([Buffer.from(`p${this.#proposals}`)]) === 'accepted') this.#proposals += 1;
  }

  #compact({ storage, applied }: Node): void {
    const index = applied.length;
    const term = storage.term(index);
    if (term === undefined || index === 0) return;
    storage.setSnapshot({
      index,
      term,
      configuration: this.#configuration,
      data: Buffer.from(JSON.stringify(applied)),
    });
    storage.compact(index);
  }

  #crash(node: Node): void {
    const snapshot = node.storage.snapshot();
    node.applied = JSON.parse(Buffer.from(snapshot?.data ?? '[]').toString()) as string[];
    node.raw = this.#newRaw(node.id, node.storage, snapshot?.index ?? 0);
  }
}

function textOf(entry: Entry): string {
  const text = entry.kind === 'normal' ? Buffer.from(entry.data).toString() : JSON.stringify(entry.change.changes);
  return `${entry.term}/${entry.index} ${text}`;
}

const SEEDS = Array.from({ length: 60 }, (_, position) => position + 1);

describe('a cluster in trouble', () => {
  it.each(SEEDS)('seed %i: never disagrees, and recovers', (seed) => {
    const simulation = new Simulation(seed, [1, 3, 5][seed % 3] ?? 3);
    simulation.chaos(4000);
    const before = simulation.committed.length;
    simulation.heal();
    simulation.expectAgreement();
    expect(simulation.committed.length).toBeGreaterThan(before);
  });
});
