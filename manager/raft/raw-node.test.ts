/** What the core does at its edges, with the messages of a single node in hand. */
import { describe, expect, it } from 'vitest';
import { MemoryStorage } from './log/memory-storage.ts';
import {
  type ConfigChange,
  type Configuration,
  type Entry,
  type Message,
  NO_CONFIGURATION,
  type PeerId,
  type Snapshot,
} from './message.ts';
import { type RaftConfig, RawNode } from './raw-node.ts';
import type { Ready } from './ready.ts';

const ABC: Configuration = { ...NO_CONFIGURATION, voters: ['a', 'b', 'c'] };

function normal(term: number, index: number): Entry {
  return { kind: 'normal', term, index, data: Buffer.from(`${index}`) };
}

function changing(term: number, index: number, change: Partial<ConfigChange>): Entry {
  return {
    kind: 'config-change',
    term,
    index,
    change: { transition: 'auto', changes: [], context: new Uint8Array(), ...change },
  };
}

function snapshot(index: number, term: number, configuration: Configuration): Snapshot {
  return { index, term, configuration, data: new Uint8Array() };
}

/** A node "a" whose log begins at index 1, with what `more` says otherwise. */
function nodeA(more: Partial<RaftConfig> = {}, configuration: Configuration = ABC) {
  const storage = new MemoryStorage();
  storage.applySnapshot(snapshot(1, 1, configuration));
  return start(storage, more);
}

function start(storage: MemoryStorage, more: Partial<RaftConfig> = {}) {
  const raw = new RawNode({
    id: 'a',
    storage,
    applied: storage.snapshot()?.index ?? 0,
    electionTicks: 10,
    heartbeatTicks: 1,
    preVote: false,
    checkQuorum: true,
    maxBytesPerMessage: 1000,
    maxInflightMessages: 10,
    random: () => 0,
    ...more,
  });
  return { raw, storage };
}

type Started = ReturnType<typeof nodeA>;

function persist({ storage }: Started, { hardState, snapshot: installed, entries }: Ready): void {
  if (hardState !== undefined) storage.setHardState(hardState);
  if (installed !== undefined) storage.applySnapshot(installed);
  storage.append(entries);
}

/** Does all that there is to do, and returns what is sent. */
function settle(started: Started): Message[] {
  const sent: Message[] = [];
  while (started.raw.hasReady()) {
    const ready = started.raw.ready();
    persist(started, ready);
    for (const entry of ready.committedEntries) {
      if (entry.kind === 'config-change') started.raw.applyConfigChange(entry.change);
    }
    sent.push(...ready.messages);
    started.raw.advance();
  }
  return sent;
}

function append(from: PeerId, term: number, previous: [number, number], entries: Entry[], commit: number): Message {
  const [previousTerm, previousIndex] = previous;
  return { type: 'append', from, to: 'a', term, previousIndex, previousTerm, entries, commit };
}

/** Elected in term 2 with the vote of b. */
function leadingA(more: Partial<RaftConfig> = {}): Started {
  const started = nodeA(more);
  started.raw.campaign();
  settle(started);
  const { term } = started.raw.hardState;
  started.raw.step({ type: 'vote-response', from: 'b', to: 'a', term, granted: true, commitIndex: 1, commitTerm: 1 });
  settle(started);
  expect(started.raw.softState.role).toBe('leader');
  return started;
}

function accepted(from: PeerId, term: number, index: number): Message {
  return { type: 'append-accepted', from, to: 'a', term, index };
}

describe('a change of the configuration that a snapshot overtakes', () => {
  it('counts for the state before the snapshot, and not for this node', () => {
    const started = nodeA();
    const { raw } = started;
    const change = { changes: [{ type: 'remove', node: 'c' }] } as const;
    raw.step(append('b', 2, [1, 1], [normal(2, 2), changing(2, 3, change)], 3));
    const ready = raw.ready();
    // The disk is still at work when a snapshot comes with a later configuration.
    const later: Configuration = { ...NO_CONFIGURATION, voters: ['a', 'b', 'd'] };
    raw.step({ type: 'install-snapshot', from: 'b', to: 'a', term: 2, snapshot: snapshot(9, 2, later) });
    persist(started, ready);
    const [, entry] = ready.committedEntries;
    expect(entry?.kind === 'config-change' && raw.applyConfigChange(entry.change).voters).toEqual(['a', 'b']);
    expect(raw.status().configuration.voters).toEqual(['a', 'b', 'd']);
    raw.advance();
    settle(started);
    expect(raw.status()).toMatchObject({ applied: 9, commit: 9, configuration: later });
    expect(raw.applyConfigChange({ transition: 'auto', ...change, context: new Uint8Array() }).voters).toEqual(
      later.voters,
    );
  });
});

describe('a snapshot', () => {
  it('is installed by who is not in its configuration, and the entries after it say that it takes part', () => {
    const started = start(new MemoryStorage());
    const { raw } = started;
    const others = { ...NO_CONFIGURATION, voters: ['b', 'c'] };
    raw.step({ type: 'install-snapshot', from: 'b', to: 'a', term: 3, snapshot: snapshot(7, 3, others) });
    expect(settle(started)).toContainEqual(expect.objectContaining({ type: 'append-accepted', index: 7 }));
    raw.step(append('b', 3, [3, 7], [changing(3, 8, { changes: [{ type: 'add-learner', node: 'a' }] })], 8));
    settle(started);
    expect(raw.status().configuration).toMatchObject({ voters: ['b', 'c'], learners: ['a'] });
  });

  it('that is lost is sent again after the next sign of life', () => {
    const started = leadingA();
    const { raw, storage } = started;
    raw.step(accepted('b', 1, 2));
    settle(started);
    storage.setSnapshot(snapshot(2, 1, ABC));
    storage.compact(2);
    raw.step({ type: 'heartbeat-response', from: 'c', to: 'a', term: 1, context: new Uint8Array() });
    raw.step({ ...accepted('c', 1, 0), type: 'append-rejected', index: 1, hintIndex: 0, hintTerm: 0 });
    expect(settle(started)).toMatchObject([{ type: 'install-snapshot', to: 'c' }]);
    raw.reportSnapshot('c', false);
    expect(settle(started)).toEqual([]);
    raw.step({ type: 'heartbeat-response', from: 'c', to: 'a', term: 1, context: new Uint8Array() });
    expect(settle(started)).toMatchObject([{ type: 'install-snapshot', to: 'c' }]);
  });
});

describe('a candidate that is refused by a node which has been removed', () => {
  it('learns that the removal is committed, and needs that vote no more', () => {
    const started = nodeA({}, { ...NO_CONFIGURATION, voters: ['a', 'b'] });
    const { raw } = started;
    const removal = changing(1, 2, { changes: [{ type: 'remove', node: 'b' }] });
    raw.step(append('b', 1, [1, 1], [removal], 1));
    settle(started);
    raw.campaign();
    settle(started);
    const no = { type: 'vote-response', from: 'b', to: 'a', granted: false, commitIndex: 2, commitTerm: 1 } as const;
    raw.step({ ...no, term: 2 });
    settle(started);
    expect(raw.status()).toMatchObject({ role: 'follower', commit: 2, configuration: { voters: ['a'] } });
    raw.campaign();
    settle(started);
    expect(raw.softState.role).toBe('leader');
  });

  it('takes no word for an entry that it does not have', () => {
    const started = nodeA();
    started.raw.step(append('b', 1, [1, 1], [changing(1, 2, { changes: [{ type: 'remove', node: 'b' }] })], 1));
    settle(started);
    started.raw.campaign();
    settle(started);
    const no = { type: 'vote-response', from: 'b', to: 'a', term: 2, granted: false } as const;
    started.raw.step({ ...no, commitIndex: 2, commitTerm: 2 });
    started.raw.step({ ...no, commitIndex: 3, commitTerm: 1 });
    expect(started.raw.status().commit).toBe(1);
  });
});

describe('reads by lease', () => {
  const LEASE = { readOnly: 'lease' } as const;

  it('need checkQuorum', () => {
    expect(() => nodeA({ ...LEASE, checkQuorum: false })).toThrow('checkQuorum');
  });

  it('are safe from a node that was started anew: it may have promised its vote to nobody else', () => {
    const request = { type: 'vote-request', from: 'b', to: 'a', term: 5, lastIndex: 9, lastTerm: 4 } as const;
    const { storage } = nodeA();
    storage.setHardState({ term: 3, vote: 'c', commit: 1 });
    const started = start(storage, LEASE);
    started.raw.step({ ...request, transfer: false });
    expect(started.raw.hardState.term).toBe(3);
    for (let ticks = 0; ticks < 10; ticks += 1) started.raw.tick();
    started.raw.step({ ...request, transfer: false, term: 6 });
    expect(settle(started)).toContainEqual(expect.objectContaining({ type: 'vote-response', granted: true }));
  });
});

describe('a read', () => {
  it('is dropped where no leader is known, or where the leader stops leading', () => {
    const alone = nodeA();
    alone.raw.readIndex(Buffer.from('one'));
    expect(settle(alone)).toEqual([]);
    const started = leadingA();
    const { raw } = started;
    raw.readIndex(Buffer.from('two'));
    raw.step(append('b', 9, [1, 1], [], 1));
    raw.step({ type: 'heartbeat-response', from: 'c', to: 'a', term: 1, context: new Uint8Array() });
    const { readStates } = raw.ready();
    expect(readStates).toEqual([]);
  });
});

describe('messages', () => {
  it('that answer and come from nobody are ignored, also when their term is later', () => {
    const { raw } = nodeA();
    expect(raw.step(accepted('x', 9, 1))).toBe('unknown-peer');
    expect(raw.hardState.term).toBe(0);
  });

  it('of a leader are ignored by the leader of the same term', () => {
    const { raw } = leadingA();
    const { term } = raw.hardState;
    raw.step(append('b', term, [1, 1], [normal(term, 2)], 2));
    expect(raw.softState.role).toBe('leader');
    expect(raw.status().commit).toBe(1);
  });
});

describe('a follower', () => {
  it('stops where its leader says that it has more than it has: its log was lost', () => {
    const { raw } = nodeA();
    const heartbeat = { type: 'heartbeat', from: 'b', to: 'a', term: 2, commit: 9, context: new Uint8Array() } as const;
    expect(() => raw.step(heartbeat)).toThrow("beyond the log's end");
  });
});

describe('a config that makes no sense', () => {
  it.each([
    [{ heartbeatTicks: 10 }, 'heartbeats come too late'],
    [{ maxInflightMessages: 0 }, 'nothing may be on its way'],
    [{ maxInflightBytes: 10 }, 'one message is more'],
    [{ id: '' }, 'a node needs an id'],
  ])('%j is refused', (more, reason) => {
    expect(() => nodeA(more)).toThrow(reason);
  });
});
