/** An entry that is committed in a term is in the logs of the leaders of all later terms. */
import type { PeerId } from '../../../manager/raft/message.ts';
import { describeEntry, type Position } from './entry.ts';
import type { LogTerms } from './log-terms.ts';
import { Violation } from './violation.ts';

interface Leader {
  readonly id: PeerId;
  readonly term: number;
  readonly log: LogTerms;
}

interface Commit {
  /** That of the leader that has counted, which may be later than the entry's own. */
  readonly term: number;
  /** The last entry that was committed in the term, and so, by log matching, all before it. */
  last: Position;
}

export class LeaderCompleteness {
  #leaders: Leader[] = [];
  /** By term, ascending. */
  readonly #commits: Commit[] = [];

  /** Leads from now on until it no longer does. */
  elected(leader: Leader): void {
    this.#leaders.push(leader);
    const earlier = this.#commits.findLast(({ term }) => term < leader.term);
    if (earlier !== undefined) check(leader, earlier.last);
  }

  deposed(id: PeerId): void {
    this.#leaders = this.#leaders.filter((leader) => leader.id !== id);
  }

  /** A node has learnt in the term that the entry is committed; the first to learn it is the leader that has counted. */
  committed(entry: Position, term: number): void {
    const latest = this.#commits.at(-1);
    if (latest !== undefined && latest.term >= term) latest.last = entry;
    else this.#commits.push({ term, last: entry });
    for (const leader of this.#leaders) if (leader.term > term) check(leader, entry);
  }
}

function check({ id, term, log }: Leader, committed: Position): void {
  if (log.has(committed.index, committed.term)) return;
  const has = log.termOf(committed.index) ?? 'none';
  throw new Violation(
    'leader completeness',
    `${id} leads term ${term} without the committed ${describeEntry(committed)}: it has one of term ${has} there`,
  );
}
