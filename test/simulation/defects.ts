/**
 * Classic ways to get Raft wrong. Each is one expression of the core replaced by another, to show that the simulation
 * finds it; the core itself knows nothing of this.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Finding } from './run.ts';

export interface Defect {
  readonly name: string;
  readonly what: string;
  /** Below manager/raft. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly right: string;
  readonly wrong: string;
  /** What may be found first: promises, or assertions of the core. */
  readonly breaks: readonly Finding['kind'][];
}

/** Of what was committed something is lost, or replaced. */
const LOSES: Defect['breaks'] = [
  'durability',
  'leader completeness',
  'state machine safety',
  'linearizability',
  'assertion',
];

export const DEFECTS: readonly Defect[] = [
  {
    name: 'vote-twice',
    what: 'a node forgets that it has voted in this term',
    file: 'election.ts',
    right: 'raft.vote = from;',
    wrong: '',
    breaks: ['election safety'],
  },
  {
    name: 'commit-older-term',
    what: 'a leader commits an entry of an earlier term because a majority has it (figure 8 of the paper)',
    file: 'replication.ts',
    right: ' || !raft.log.matches(index, raft.term)',
    wrong: '',
    breaks: LOSES,
  },
  {
    name: 'truncate-on-equal',
    what: 'a follower cuts its log off at what the leader sends, also where it has the same',
    file: 'log/raft-log.ts',
    right: 'entries.findIndex(({ index, term }) => !this.matches(index, term))',
    wrong: 'entries.findIndex(({ index }) => index > this.#committed)',
    breaks: LOSES,
  },
  {
    name: 'skip-fsync',
    what: 'a node answers before what it answers for is on disk',
    file: 'raw-node.ts',
    right: 'mustSync: log.hasEntriesToWrite || hardState.term !== last.term || hardState.vote !== last.vote,',
    wrong: 'mustSync: false,',
    breaks: ['election safety', ...LOSES],
  },
  {
    name: 'overlapping-changes',
    what: 'a leader starts a change of the membership before the one before it is applied',
    file: 'proposal.ts',
    right: 'if (pendingConfigIndex > log.applied) return false;',
    wrong: '',
    breaks: ['election safety', ...LOSES],
  },
  {
    name: 'hasty-leader',
    what: 'a new leader changes the membership before it knows what the leaders before it have committed',
    file: 'raft.ts',
    right: 'this.pendingConfigIndex = this.log.lastIndex();',
    wrong: '',
    breaks: ['election safety', ...LOSES],
  },
  {
    name: 'one-quorum',
    what: 'during a change the new voters alone decide what is committed',
    file: 'quorum/quorum.ts',
    right: 'Math.min(one, majorityIndex(outgoing, matchOf))',
    wrong: 'one',
    breaks: LOSES,
  },
  {
    name: 'outdated-candidate',
    what: 'a node campaigns although a change of the membership is committed that it has not applied',
    file: 'election.ts',
    right: " && !log.contains('config-change', log.applied, log.committed)",
    wrong: '',
    breaks: ['election safety', ...LOSES],
  },
  {
    name: 'overtaken-change',
    what: 'a change of the membership is made on top of the configuration of a snapshot that has it already',
    file: 'membership.ts',
    right: 'nextConfiguration(raft.appliedConfiguration, change)',
    wrong: 'nextConfiguration(raft.tracker.configuration, change)',
    breaks: ['election safety', ...LOSES],
  },
  {
    name: 'unconfirmed-read',
    what: 'a leader answers reads without asking whether it still leads',
    file: 'read-index.ts',
    right: "if (config.readOnly === 'lease' && reads.hasLease(ticks, leaseTicks)) {",
    wrong: 'if (true) {',
    breaks: ['linearizability'],
  },
  {
    name: 'early-read',
    what: 'a new leader answers reads before it knows what the leaders before it have committed',
    file: 'read-index.ts',
    right: 'if (hasCommittedOfOwnTerm(raft)) start(raft, read);',
    wrong: 'start(raft, read);',
    breaks: ['linearizability'],
  },
  {
    name: 'heartbeat-commits',
    what: 'a heartbeat tells a follower of commits beyond what its log is known to share with the leader',
    file: 'sending.ts',
    right: 'Math.min(progress.match, raft.log.committed)',
    wrong: 'raft.log.committed',
    breaks: LOSES,
  },
  {
    name: 'outdated-voter',
    what: 'a node votes for one whose log lacks what its own has',
    file: 'election.ts',
    right: ' || !raft.log.isUpToDate(lastIndex, lastTerm)',
    wrong: '',
    breaks: LOSES,
  },
];

const CORE = join(import.meta.dirname, '../../manager/raft');

/** Throws when there is no such defect. */
export function defectNamed(name: string): Defect {
  const defect = DEFECTS.find((known) => known.name === name);
  if (defect === undefined)
    throw new Error(`no defect "${name}"; there are: ${DEFECTS.map((known) => known.name).join(', ')}`);
  return defect;
}

/** The core's modules that this thread loads from now on have the defect. */
export function install(defect: Defect): void {
  const url = pathToFileURL(join(CORE, defect.file)).href;
  registerHooks({
    load: (loaded, context, nextLoad) => {
      const module = nextLoad(loaded, context);
      return loaded === url ? { ...module, source: withDefect(defect, String(module.source)) } : module;
    },
  });
}

/** Throws when the core has changed so that the defect no longer fits. */
export function checkFits(defect: Defect): void {
  withDefect(defect, readFileSync(join(CORE, defect.file), 'utf8'));
}

function withDefect({ name, file, right, wrong }: Defect, source: string): string {
  const [before, after, ...more] = source.split(right);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`defect "${name}" does not fit manager/raft/${file}, which has to contain this once: ${right}`);
  }
  return `${before}${wrong}${after}`;
}
