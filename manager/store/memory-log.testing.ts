/** A replicated log of one that keeps its entries in memory; for tests. */
import { GantryError } from '../../proto/errors.ts';
import type {
  Leadership,
  LogFigures,
  Member,
  Removal,
  ReplicatedLog,
  StateMachine,
} from '../replication/replicated-log.ts';

export class MemoryLog implements ReplicatedLog {
  readonly #nodeId: string;
  readonly #machine: StateMachine;
  readonly #entries: Uint8Array[];
  readonly #listeners = new Set<(leadership: Leadership) => void>();
  #leading: boolean = true;
  #term = 1;
  #closed: boolean = false;

  /** `entries` outlives the log: a second log on the same array is the same node after a restart. */
  constructor(nodeId: string, machine: StateMachine, entries: Uint8Array[] = []) {
    this.#nodeId = nodeId;
    this.#machine = machine;
    this.#entries = entries;
    entries.forEach((data, position) => {
      machine.apply(position + 1, data);
    });
  }

  async propose(data: Uint8Array): Promise<number> {
    // As with a disk: the entry is on its way while others do their work.
    await Promise.resolve();
    if (!this.#leading || this.#closed) throw new GantryError('UNAVAILABLE', 'this manager does not lead');
    return this.commitForeign(data);
  }

  /** An entry of another leader. */
  commitForeign(data: Uint8Array): number {
    this.#entries.push(data);
    this.#machine.apply(this.#entries.length, data);
    return this.#entries.length;
  }

  readBarrier(): Promise<void> {
    return Promise.resolve();
  }

  leadership(): Leadership {
    return { isLeader: this.#leading, leaderId: this.#leading ? this.#nodeId : undefined, term: this.#term };
  }

  problem(): undefined {
    return undefined;
  }

  onLeadership(listener: (leadership: Leadership) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  lead(leading: boolean): void {
    this.#leading = leading;
    this.#term += 1;
    for (const listener of this.#listeners) listener(this.leadership());
  }

  /** Beside this node; a test may make them unreachable. */
  readonly others = new Map<string, { readonly address: string; readonly reachable: boolean }>();

  members(): readonly Member[] {
    const self = { id: this.#nodeId, address: '127.0.0.1:2377', voter: true, reachable: true, leader: this.#leading };
    const others = [...this.others].map(([id, other]) => ({ id, ...other, voter: true, leader: false }));
    return [self, ...others];
  }

  figures(): LogFigures {
    const bytes = this.#entries.reduce((sum, entry) => sum + entry.byteLength, 0);
    return { commitIndex: this.#entries.length, entries: this.#entries.length, bytes, proposalsPending: 0 };
  }

  addMember(id: string, address: string): Promise<void> {
    this.others.set(id, { address, reachable: true });
    return Promise.resolve();
  }

  removeMember(id: string, _removal: Removal): Promise<void> {
    this.others.delete(id);
    return Promise.resolve();
  }

  transferLeadership(): Promise<void> {
    this.lead(false);
    return Promise.resolve();
  }

  get appliedIndex(): number {
    return this.#entries.length;
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }
}
