/** All that is checked throughout a run. A broken promise is thrown, so that the run ends at the step that broke it. */
import type { Configuration, PeerId } from '../../../manager/raft/message.ts';
import type { RawNode } from '../../../manager/raft/raw-node.ts';
import { Durability, type HasOnDisk } from './durability.ts';
import { ElectionSafety } from './election-safety.ts';
import { LeaderCompleteness } from './leader-completeness.ts';
import { Linearizability } from './linearizability.ts';
import { LogMatching } from './log-matching.ts';
import type { LogTerms } from './log-terms.ts';
import { StateMachineSafety } from './state-machine-safety.ts';

/** What of a running node is looked at after each of its steps. */
export interface Observed {
  readonly id: PeerId;
  readonly raw: RawNode;
  readonly log: LogTerms;
  readonly configuration: Configuration;
}

export class Checkers {
  readonly logMatching = new LogMatching();
  readonly stateMachineSafety = new StateMachineSafety();
  readonly linearizability = new Linearizability();
  readonly #electionSafety = new ElectionSafety();
  readonly #leaderCompleteness = new LeaderCompleteness();
  readonly #durability: Durability;
  /** The terms that nodes lead now. */
  readonly #leading = new Map<PeerId, number>();
  #committed = 0;

  constructor(hasOnDisk: HasOnDisk) {
    this.#durability = new Durability(hasOnDisk);
  }

  /** Terms that have had a leader. */
  get elections(): number {
    return this.#electionSafety.terms;
  }

  observe(node: Observed): void {
    const { term, commit } = node.raw.hardState;
    const leads = node.raw.softState.role === 'leader';
    if (this.#leading.get(node.id) !== (leads ? term : undefined)) this.#noteLeadership(node, term, leads);
    if (commit > this.#committed) this.#noteCommit(node, term, commit);
  }

  crashed(id: PeerId): void {
    this.#leading.delete(id);
    this.#leaderCompleteness.deposed(id);
  }

  #noteLeadership({ id, log }: Observed, term: number, leads: boolean): void {
    this.crashed(id);
    if (!leads) return;
    this.#leading.set(id, term);
    this.#electionSafety.leads(id, term);
    this.#leaderCompleteness.elected({ id, term, log });
  }

  #noteCommit({ log, configuration }: Observed, term: number, index: number): void {
    const entryTerm = log.termOf(index);
    if (entryTerm === undefined) return;
    this.#committed = index;
    const entry = { index, term: entryTerm };
    this.#leaderCompleteness.committed(entry, term);
    this.#durability.committed(entry, configuration);
  }
}
