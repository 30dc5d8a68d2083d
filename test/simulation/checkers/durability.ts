/**
 * No acknowledged write is lost, whichever minority of disks is: what is committed lies on the platters of a majority of
 * the voters, and during a change of both configurations' voters.
 */
import type { Configuration, PeerId } from '../../../manager/raft/message.ts';
import { describeEntry, type Position } from './entry.ts';
import { Violation } from './violation.ts';

export type HasOnDisk = (node: PeerId, entry: Position) => boolean;

export class Durability {
  readonly #hasOnDisk: HasOnDisk;
  #last = 0;

  constructor(hasOnDisk: HasOnDisk) {
    this.#hasOnDisk = hasOnDisk;
  }

  /** A leader in the configuration has counted the entry as committed. */
  committed(entry: Position, { voters, votersOutgoing }: Configuration): void {
    if (entry.index <= this.#last) return;
    this.#last = entry.index;
    this.#check(entry, voters);
    if (votersOutgoing.length > 0) this.#check(entry, votersOutgoing);
  }

  #check(entry: Position, voters: readonly PeerId[]): void {
    const having = voters.filter((voter) => this.#hasOnDisk(voter, entry));
    if (2 * having.length > voters.length) return;
    const where = having.length === 0 ? 'nobody' : having.join(', ');
    throw new Violation(
      'durability',
      `${describeEntry(entry)} counts as committed, but of the voters ${voters.join(', ')} only ${where} has it on disk`,
    );
  }
}
