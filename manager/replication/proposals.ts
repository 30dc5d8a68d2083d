/** Proposals on their way: waiting for their turn, then for the entry that they became. */
import { GantryError } from '../../proto/errors.ts';

interface Proposal {
  readonly data: Uint8Array;
  readonly resolve: (index: number) => void;
  readonly reject: (error: GantryError) => void;
}

interface Tracked extends Proposal {
  readonly term: number;
}

/** Of what may be between proposal and commit: bounds the memory that a slow disk costs. */
const MAX_BYTES_IN_FLIGHT = 32 * 1024 * 1024;

export class Proposals {
  #queue: Proposal[] = [];
  /** By the index that the entry has. */
  readonly #tracked = new Map<number, Tracked>();
  #bytesInFlight = 0;

  get waiting(): boolean {
    return this.#queue.length > 0 && this.#bytesInFlight < MAX_BYTES_IN_FLIGHT;
  }

  /** Not applied yet. */
  get pending(): number {
    return this.#queue.length + this.#tracked.size;
  }

  /** Resolves with the index of its entry. */
  add(data: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => this.#queue.push({ data, resolve, reject }));
  }

  /**
   * Hands as many as may be under way to `propose`, which makes them the entries after `lastIndex` of `term`, or gives
   * false when it can't.
   */
  submit(propose: (data: readonly Uint8Array[]) => boolean, lastIndex: number, term: number): void {
    const batch = this.#takeBatch();
    if (batch.length === 0) return;
    if (!propose(batch.map(({ data }) => data))) {
      for (const { reject } of batch) reject(notLeader());
      return;
    }
    for (const [position, proposal] of batch.entries()) {
      this.#tracked.set(lastIndex + 1 + position, { ...proposal, term });
      this.#bytesInFlight += proposal.data.byteLength;
    }
  }

  /** Resolves when the entry that this node has just made is applied; like a proposal of no size. */
  track(index: number, term: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#tracked.set(index, { data: new Uint8Array(), term, resolve, reject });
    });
  }

  /** The entry at `index` is applied: it is the one proposed if it has the term in which that was. */
  applied(index: number, term: number): void {
    const proposal = this.#tracked.get(index);
    if (proposal === undefined) return;
    this.#forget(index, proposal);
    if (proposal.term === term) proposal.resolve(index);
    else proposal.reject(notLeader());
  }

  rejectAll(error: GantryError): void {
    const all = [...this.#queue.splice(0), ...this.#tracked.values()];
    this.#tracked.clear();
    this.#bytesInFlight = 0;
    for (const { reject } of all) reject(error);
  }

  #takeBatch(): Proposal[] {
    let bytes = this.#bytesInFlight;
    const end = this.#queue.findIndex(({ data }) => {
      const isFull = bytes >= MAX_BYTES_IN_FLIGHT;
      bytes += data.byteLength;
      return isFull;
    });
    return this.#queue.splice(0, end < 0 ? this.#queue.length : end);
  }

  #forget(index: number, { data }: Tracked): void {
    this.#tracked.delete(index);
    this.#bytesInFlight -= data.byteLength;
  }
}

export function notLeader(): GantryError {
  return new GantryError('UNAVAILABLE', 'this manager does not lead the cluster', {
    hint: 'try again in a few seconds',
  });
}
