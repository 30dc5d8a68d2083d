/** At most one leader is elected in a term. */
import type { PeerId } from '../../../manager/raft/message.ts';
import { Violation } from './violation.ts';

export class ElectionSafety {
  readonly #leaders = new Map<number, PeerId>();

  /** Terms that have had a leader. */
  get terms(): number {
    return this.#leaders.size;
  }

  leads(id: PeerId, term: number): void {
    const known = this.#leaders.get(term);
    if (known === undefined) this.#leaders.set(term, id);
    else if (known !== id) throw new Violation('election safety', `term ${term} has two leaders: ${known} and ${id}`);
  }
}
