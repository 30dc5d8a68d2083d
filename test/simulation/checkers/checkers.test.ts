/** Each checker on histories that are small enough to be read: it says nothing of right ones, and finds the wrong ones. */
import { describe, expect, it } from 'vitest';
import { type Configuration, configurationOf, type Entry } from '../../../manager/raft/message.ts';
import { Durability } from './durability.ts';
import { ElectionSafety } from './election-safety.ts';
import { LeaderCompleteness } from './leader-completeness.ts';
import { Linearizability } from './linearizability.ts';
import { LogMatching } from './log-matching.ts';
import { LogTerms } from './log-terms.ts';
import { StateMachineSafety } from './state-machine-safety.ts';

function entry(index: number, term: number, text = ''): Entry {
  return { kind: 'normal', index, term, data: Buffer.from(text) };
}

/** A log with entries of these terms, from index 1 on. */
function logOf(...terms: number[]): LogTerms {
  const log = new LogTerms();
  for (const [position, term] of terms.entries()) log.put(position + 1, term);
  return log;
}

describe('ElectionSafety', () => {
  it('finds a second leader of a term', () => {
    const safety = new ElectionSafety();
    safety.leads('1', 1);
    safety.leads('1', 1);
    safety.leads('2', 2);
    expect(() => safety.leads('1', 2)).toThrow('term 2 has two leaders: 2 and 1');
  });
});

describe('LogMatching', () => {
  it('finds two entries of one index and term', () => {
    const matching = new LogMatching();
    matching.append(logOf(), [entry(1, 1, 'a')]);
    matching.append(logOf(), [entry(1, 1, 'a')]);
    expect(() => matching.append(logOf(), [entry(1, 1, 'b')])).toThrow('two entries in one place');
  });

  it('finds logs that differ before an entry that both have', () => {
    const matching = new LogMatching();
    matching.append(logOf(1), [entry(2, 3)]);
    matching.append(logOf(1, 1), [entry(2, 3)]);
    expect(() => matching.append(logOf(2), [entry(2, 3)])).toThrow('1 in one log, 2 in another');
  });
});

describe('LeaderCompleteness', () => {
  it('finds a leader that lacks what was committed before its term', () => {
    const completeness = new LeaderCompleteness();
    completeness.committed({ index: 2, term: 1 }, 2);
    completeness.elected({ id: '1', term: 3, log: logOf(1, 1, 2) });
    expect(() => completeness.elected({ id: '2', term: 4, log: logOf(1, 2) })).toThrow(
      'without the committed entry 1/2',
    );
  });

  it('lets an outdated leader lack what was committed after its term', () => {
    const completeness = new LeaderCompleteness();
    completeness.elected({ id: '1', term: 2, log: logOf(1) });
    completeness.committed({ index: 2, term: 3 }, 3);
    completeness.elected({ id: '2', term: 2, log: logOf(1) });
  });

  it('finds that what a former leader commits is missing where somebody leads already', () => {
    const completeness = new LeaderCompleteness();
    completeness.elected({ id: '1', term: 4, log: logOf(1, 3) });
    expect(() => completeness.committed({ index: 2, term: 2 }, 2)).toThrow('has one of term 3 there');
  });

  it('counts a snapshot as the entries that it replaces', () => {
    const log = new LogTerms();
    log.restart(5, 2);
    const completeness = new LeaderCompleteness();
    completeness.committed({ index: 4, term: 1 }, 2);
    completeness.elected({ id: '1', term: 3, log });
  });
});

describe('StateMachineSafety', () => {
  const state = { hash: 1, configuration: 'voters 1' };

  it('finds two entries at one index', () => {
    const safety = new StateMachineSafety();
    safety.applied('1', entry(1, 1, 'a'), state);
    safety.applied('2', entry(1, 1, 'a'), state);
    expect(() => safety.applied('3', entry(1, 2, 'a'), state)).toThrow('two entries applied at index 1');
  });

  it('finds states and configurations that differ, also from a snapshot', () => {
    const safety = new StateMachineSafety();
    safety.applied('1', entry(1, 1), state);
    expect(() => safety.applied('2', entry(1, 1), { ...state, hash: 2 })).toThrow('differ in state after index 1');
    expect(() => safety.restored('2', 1, { ...state, configuration: 'voters 2' })).toThrow('two configurations');
    safety.restored('2', 1, state);
  });
});

describe('Durability', () => {
  const joint: Configuration = { ...configurationOf(['1', '2', '3']), votersOutgoing: ['3', '4', '5'] };

  function committedWith(having: string[], configuration: Configuration): () => void {
    return () => new Durability((node) => having.includes(node)).committed({ index: 1, term: 1 }, configuration);
  }

  it('asks for a majority of the disks', () => {
    expect(committedWith(['1', '3'], configurationOf(['1', '2', '3']))).not.toThrow();
    expect(committedWith(['1'], configurationOf(['1', '2', '3']))).toThrow('only 1 has it on disk');
    expect(committedWith(['1', '2'], configurationOf(['1', '2', '3', '4']))).toThrow('only 1, 2 has it on disk');
  });

  it('asks for both majorities during a change', () => {
    expect(committedWith(['1', '3', '4'], joint)).not.toThrow();
    expect(committedWith(['1', '2', '3'], joint)).toThrow('of the voters 3, 4, 5 only 3');
    expect(committedWith(['3', '4', '5'], joint)).toThrow('of the voters 1, 2, 3 only 3');
  });
});

describe('Linearizability', () => {
  it('lets operations that overlap come in any order', () => {
    const history = new Linearizability();
    const [write, read, other] = [history.begin(), history.begin(), history.begin()];
    history.wrote(write, 1);
    history.read(read, 0);
    history.wrote(other, 2);
  });

  it('finds a read that misses what was acknowledged or read before it began', () => {
    const history = new Linearizability();
    history.wrote(history.begin(), 1);
    expect(() => history.read(history.begin(), 0)).toThrow('a read returned version 0, but 1 had been seen');
    history.read(history.begin(), 2);
    expect(() => history.read(history.begin(), 1)).toThrow('a read returned version 1, but 2 had been seen');
  });

  it('finds a write that comes before what had ended when it began', () => {
    const history = new Linearizability();
    history.wrote(history.begin(), 2);
    expect(() => history.wrote(history.begin(), 1)).toThrow('a write made version 1, but 2 had been seen');
  });
});
