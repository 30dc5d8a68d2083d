/** What every ReplicatedLog keeps to: one alone, and several that keep the same log. */
import { describe, expect, it, vi } from 'vitest';
import { RecordingState } from './recording-state.testing.ts';
import type { Leadership, ReplicatedLog, StateMachine } from './replicated-log.ts';
import type { SnapshotLimits } from './snapshot-policy.ts';

export interface MemberOptions {
  readonly state: StateMachine;
  readonly snapshotLimits?: SnapshotLimits;
  readonly onFailure?: (error: Error) => void;
}

/** A place for one log. */
export interface LogFixture {
  /**
   * Opens a member's log, with what that member had when it was open before. The first member makes the log; others are
   * added by the leader, with `addressOf`, before they are opened for the first time.
   */
  open(id: string, options: MemberOptions): Promise<ReplicatedLog>;
  /** IP:PORT. */
  addressOf(id: string): string;
  /** From now on nothing that this member sends arrives, or comes to it, until `reconnect`. Nobody is told. */
  cutOff(id: string): void;
  /** What was sent meanwhile may arrive now. */
  reconnect(id: string): void;
  /** Every log is closed by then. Leaves nothing behind. */
  close(): Promise<void>;
}

const bytes = (text: string) => Buffer.from(text);
const numbered = (count: number, name = 'entry') => Array.from({ length: count }, (_, number) => `${name} ${number}`);
const MIB = 1024 * 1024;
const SOON = { timeout: 20_000, interval: 10 };

/** `open`: a log of one, that leads or soon does, as node1. */
export function replicatedLogSuite(name: string, open: (state: StateMachine) => Promise<ReplicatedLog>): void {
  async function withLog(test: (log: ReplicatedLog, state: RecordingState) => Promise<void>): Promise<void> {
    const state = new RecordingState();
    const log = await open(state);
    try {
      await vi.waitFor(() => expect(log.leadership().isLeader).toBe(true), SOON);
      await test(log, state);
    } finally {
      await log.close();
    }
  }

  describe(`${name} as a ReplicatedLog`, () => {
    it('applies an entry before it is acknowledged', () =>
      withLog(async (log, state) => {
        const index = await log.propose(bytes('one'));
        expect(state.entries).toEqual([{ index, text: 'one' }]);
        expect(log.appliedIndex).toBeGreaterThanOrEqual(index);
      }));

    it('applies entries in the order in which they were proposed, each at the index it is acknowledged with', () =>
      withLog(async (log, state) => {
        const texts = numbered(200);
        const indexes = await Promise.all(texts.map((text) => log.propose(bytes(text))));
        expect(state.texts).toEqual(texts);
        expect(state.entries.map(({ index }) => index)).toEqual(indexes);
        expect(indexes).toEqual([...indexes].sort((one, other) => one - other));
      }));

    it('says in numbers what it has committed and what still waits', () =>
      withLog(async (log) => {
        const proposals = ['one', 'two'].map((text) => log.propose(bytes(text)));
        expect(log.figures().proposalsPending).toBeGreaterThanOrEqual(2);
        const indexes = await Promise.all(proposals);
        expect(log.figures().commitIndex).toBeGreaterThanOrEqual(indexes.at(-1) ?? 0);
        expect(log.figures().entries).toBeGreaterThanOrEqual(2);
        expect(log.figures().bytes).toBeGreaterThan(0);
        await vi.waitFor(() => expect(log.figures().proposalsPending).toBe(0), SOON);
      }));

    it('gives the state machine the bytes as they were proposed, also many', () =>
      withLog(async (log, state) => {
        const large = 'x'.repeat(3_000_000);
        await Promise.all([log.propose(bytes(large)), log.propose(bytes('small'))]);
        expect(state.texts.map((text) => text === large || text)).toEqual([true, 'small']);
      }));

    it('takes entries of up to 16 MiB, and refuses larger ones', () =>
      withLog(async (log, state) => {
        const largest = 'x'.repeat(16 * MIB);
        await log.propose(bytes(largest));
        await expect(log.propose(bytes(`${largest}x`))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
        await log.propose(bytes('small'));
        expect(state.texts.map((text) => text === largest || text)).toEqual([true, 'small']);
      }));

    it('has everything applied after a read barrier', () =>
      withLog(async (log, state) => {
        const proposed = log.propose(bytes('one'));
        await proposed;
        await log.readBarrier();
        expect(state.texts).toContain('one');
      }));

    it('says who leads', () =>
      withLog(async (log) => {
        const { isLeader, leaderId, term } = log.leadership();
        expect(isLeader).toBe(true);
        expect(leaderId).toBe('node1');
        expect(term).toBeGreaterThan(0);
      }));

    it('knows its only member, and keeps it', () =>
      withLog(async (log) => {
        expect(log.members()).toMatchObject([{ id: 'node1', voter: true, reachable: true, leader: true }]);
        await expect(log.removeMember('node1', { force: false })).rejects.toMatchObject({ code: 'WRONG_STATE' });
        await expect(log.transferLeadership()).rejects.toMatchObject({ code: 'WRONG_STATE' });
        await expect(log.transferLeadership('stranger')).rejects.toMatchObject({ code: 'WRONG_STATE' });
      }));

    it('accepts nothing once it is closed, and tells of it', async () => {
      const heard: Leadership[] = [];
      await withLog(async (log) => {
        log.onLeadership((leadership) => heard.push(leadership));
        await log.close();
        await expect(log.propose(bytes('late'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        await expect(log.readBarrier()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });
      expect(heard.at(-1)?.isLeader).toBe(false);
    });

    it('can be closed twice, and leaves no timers', async () => {
      const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
      let closed = 0;
      const before = timers();
      await withLog(async (log) => {
        await log.propose(bytes('one'));
        await Promise.all([log.close(), log.close()]);
        await log.close();
        closed = timers();
      });
      expect(closed).toBeLessThanOrEqual(before);
    });

    it('no longer tells those who have unsubscribed', async () => {
      const listener = vi.fn();
      await withLog(async (log) => log.onLeadership(listener)());
      expect(listener).not.toHaveBeenCalled();
    });
  });
}

/** The members of one log, opened and closed by a test. */
class Cluster {
  readonly fixture: LogFixture;
  readonly logs = new Map<string, ReplicatedLog>();
  readonly states = new Map<string, RecordingState>();
  readonly #options: Partial<MemberOptions>;

  constructor(fixture: LogFixture, options: Partial<MemberOptions>) {
    this.fixture = fixture;
    this.#options = options;
  }

  async open(id: string): Promise<ReplicatedLog> {
    const state = new RecordingState();
    const log = await this.fixture.open(id, { state, ...this.#options });
    this.logs.set(id, log);
    this.states.set(id, state);
    return log;
  }

  async join(id: string): Promise<void> {
    const leader = await this.leader();
    await leader.addMember(id, this.fixture.addressOf(id));
    await this.open(id);
    await vi.waitFor(() => {
      expect(this.members(leader)).toContainEqual([id, true, true]);
      // It can't lead before it knows so itself.
      expect(
        this.log(id)
          .members()
          .find((member) => member.id === id)?.voter,
      ).toBe(true);
    }, SOON);
  }

  /** As one member sees them: id, voter, reachable. */
  members(log: ReplicatedLog): [string, boolean, boolean][] {
    return log.members().map(({ id, voter, reachable }) => [id, voter, reachable]);
  }

  log(id: string): ReplicatedLog {
    const log = this.logs.get(id);
    if (log === undefined) throw new Error(`${id} is not open`);
    return log;
  }

  state(id: string): RecordingState {
    return this.states.get(id) ?? new RecordingState();
  }

  /** The one that leads among those named, or among all; waits for it. */
  async leader(ids: readonly string[] = [...this.logs.keys()]): Promise<ReplicatedLog> {
    return this.log(await this.leaderId(ids));
  }

  leaderId(ids: readonly string[] = [...this.logs.keys()]): Promise<string> {
    return vi.waitFor(() => {
      const found = ids.find((id) => this.logs.get(id)?.leadership().isLeader);
      if (found === undefined) throw new Error(`none of ${ids.join(', ')} leads`);
      return found;
    }, SOON);
  }

  async others(): Promise<string[]> {
    const leader = await this.leaderId();
    return [...this.logs.keys()].filter((id) => id !== leader);
  }

  async close(id: string): Promise<void> {
    await this.logs.get(id)?.close();
    this.logs.delete(id);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.logs.keys()].map((id) => this.close(id)));
  }

  /** Through whoever leads: a client tries again while the leader changes. */
  async propose(texts: readonly string[], ids?: readonly string[]): Promise<void> {
    const leader = await this.leader(ids);
    await Promise.all(texts.map((text) => leader.propose(bytes(text))));
  }

  /** Gives what was proposed until the log has been cut several times. */
  async proposeUntilCompacted(ids?: readonly string[]): Promise<string[]> {
    const texts: string[] = [];
    const enough = this.state(await this.leaderId(ids)).snapshotsTaken + 4;
    while (this.state(await this.leaderId(ids)).snapshotsTaken < enough) {
      const round = numbered(10, `entry ${texts.length} +`);
      await this.propose(round, ids);
      texts.push(...round);
    }
    return texts;
  }

  /** Through whoever leads: a leader may have to hand over before it is removed itself. */
  async remove(id: string): Promise<void> {
    const isGone = async () => {
      const leader = await this.leader();
      await leader.removeMember(id, { force: false });
      expect(leader.members().map((member) => member.id)).not.toContain(id);
    };
    await vi.waitFor(isGone, SOON);
  }

  /** Waits until every open member has exactly these entries, at the same indexes. */
  async expectEverywhere(texts: readonly string[]): Promise<void> {
    await vi.waitFor(() => {
      for (const id of this.logs.keys()) expect(this.state(id).texts, id).toEqual(texts);
    }, SOON);
    const [first = [], ...others] = [...this.logs.keys()].map((id) => this.state(id).entries);
    for (const entries of others) expect(entries).toEqual(first);
  }
}

export function replicatedLogClusterSuite(name: string, newFixture: () => Promise<LogFixture>): void {
  async function withCluster(test: (cluster: Cluster) => Promise<void>, options: Partial<MemberOptions> = {}) {
    const cluster = new Cluster(await newFixture(), options);
    try {
      await cluster.open('node1');
      await cluster.join('node2');
      await cluster.join('node3');
      await test(cluster);
    } finally {
      await cluster.closeAll();
      await cluster.fixture.close();
    }
  }

  const SMALL_SNAPSHOTS = { snapshotLimits: { maxEntries: 20, maxBytes: 10 * MIB } };

  describe(`${name} with three members`, () => {
    it('applies what is proposed on all of them, in the same order and once', () =>
      withCluster(async (cluster) => {
        await cluster.propose(numbered(200));
        await cluster.expectEverywhere(numbered(200));
      }));

    it('lets each member read what was acknowledged before', () =>
      withCluster(async (cluster) => {
        for (const text of numbered(10)) {
          await cluster.propose([text]);
          for (const id of cluster.logs.keys()) {
            await cluster.log(id).readBarrier();
            expect(cluster.state(id).texts.at(-1), id).toBe(text);
          }
        }
      }));

    it('takes proposals only where it leads, and says there who does', () =>
      withCluster(async (cluster) => {
        const leaderId = await cluster.leaderId();
        for (const id of await cluster.others()) {
          const log = cluster.log(id);
          await vi.waitFor(() => expect(log.leadership()).toMatchObject({ isLeader: false, leaderId }), SOON);
          await expect(log.propose(bytes('one'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
          await expect(log.addMember('node9', '127.0.0.1:9')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
          await expect(log.transferLeadership(id)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        }
      }));

    it('goes on when the leader is closed', () =>
      withCluster(async (cluster) => {
        await cluster.propose(['before']);
        const before = await cluster.leaderId();
        const { term } = cluster.log(before).leadership();
        await cluster.close(before);
        await cluster.propose(['after']);
        expect((await cluster.leader()).leadership().term).toBeGreaterThan(term);
        await cluster.open(before);
        await cluster.expectEverywhere(['before', 'after']);
      }));

    it('goes on when the leader is cut off, whose own proposals then fail, and come to nothing', () =>
      withCluster(async (cluster) => {
        await cluster.propose(['before']);
        const lost = await cluster.leaderId();
        const others = await cluster.others();
        cluster.fixture.cutOff(lost);
        const tooLate = cluster.log(lost).propose(bytes('too late'));
        await Promise.all([
          expect(tooLate).rejects.toMatchObject({ code: 'UNAVAILABLE' }),
          cluster.propose(['meanwhile'], others),
        ]);
        await vi.waitFor(() => expect(cluster.log(lost).leadership().isLeader).toBe(false), SOON);
        await expect(cluster.log(lost).propose(bytes('still'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        await expect(cluster.log(lost).readBarrier()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        cluster.fixture.reconnect(lost);
        await vi.waitFor(() => cluster.log(lost).readBarrier(), SOON);
        await cluster.propose(['after']);
        await cluster.expectEverywhere(['before', 'meanwhile', 'after']);
      }));

    it('brings a member that was away up to date with the entries that it missed', () =>
      withCluster(async (cluster) => {
        const [away = ''] = await cluster.others();
        await cluster.close(away);
        await cluster.propose(numbered(50));
        await cluster.open(away);
        await cluster.expectEverywhere(numbered(50));
      }));

    it('brings a member that was away for long up to date with a snapshot', () =>
      withCluster(async (cluster) => {
        const [away = ''] = await cluster.others();
        await cluster.close(away);
        const texts = await cluster.proposeUntilCompacted();
        await cluster.open(away);
        await cluster.expectEverywhere(texts);
        expect(cluster.state(away).restoredFrom).toBeGreaterThan(0);
      }, SMALL_SNAPSHOTS));

    it('brings a member that was cut off for long up to date while it runs', () =>
      withCluster(async (cluster) => {
        const leader = await cluster.leaderId();
        const [away = ''] = await cluster.others();
        cluster.fixture.cutOff(away);
        const texts = await cluster.proposeUntilCompacted([leader]);
        cluster.fixture.reconnect(away);
        await cluster.expectEverywhere(texts);
      }, SMALL_SNAPSHOTS));

    it('has everything after all were closed', () =>
      withCluster(async (cluster) => {
        await cluster.propose(numbered(50));
        await cluster.closeAll();
        await Promise.all(['node1', 'node2', 'node3'].map((id) => cluster.open(id)));
        await cluster.propose(['after']);
        await cluster.expectEverywhere([...numbered(50), 'after']);
      }, SMALL_SNAPSHOTS));

    it('begins a new member from the snapshot', () =>
      withCluster(async (cluster) => {
        const texts = await cluster.proposeUntilCompacted();
        await cluster.join('node4');
        await cluster.expectEverywhere(texts);
        expect(cluster.state('node4').restoredFrom).toBeGreaterThan(0);
      }, SMALL_SNAPSHOTS));

    it('makes the same snapshots everywhere, and stops a member whose state is another', () =>
      withCluster(async (cluster) => {
        const failed: Error[] = [];
        const diverged = new RecordingState();
        await (await cluster.leader()).addMember('node4', cluster.fixture.addressOf('node4'));
        const state: StateMachine = {
          apply: (index, data) => diverged.apply(index, Buffer.concat([data, bytes('!')])),
          snapshot: () => diverged.snapshot(),
          restore: (index, data) => diverged.restore(index, data),
        };
        const log = await cluster.fixture.open('node4', {
          state,
          ...SMALL_SNAPSHOTS,
          onFailure: (error) => failed.push(error),
        });
        try {
          const texts: string[] = [];
          await vi.waitFor(async () => {
            texts.push(...(await cluster.proposeUntilCompacted()));
            expect(failed).toMatchObject([{ code: 'CORRUPT' }]);
          }, SOON);
          expect(log.leadership().isLeader).toBe(false);
          await expect(log.readBarrier()).rejects.toMatchObject({ code: 'CORRUPT' });
          await cluster.expectEverywhere(texts);
        } finally {
          await log.close();
        }
      }, SMALL_SNAPSHOTS));

    it('knows its members everywhere, and whether they are there', () =>
      withCluster(async (cluster) => {
        const leader = await cluster.leaderId();
        const [away = '', witness = ''] = await cluster.others();
        for (const id of cluster.logs.keys()) {
          await vi.waitFor(() => {
            const members = cluster.log(id).members();
            expect(members.map((member) => [member.id, member.leader, member.address])).toEqual(
              ['node1', 'node2', 'node3'].map((name) => [name, name === leader, cluster.fixture.addressOf(name)]),
            );
          }, SOON);
        }
        await cluster.close(away);
        await vi.waitFor(() => expect(cluster.members(cluster.log(leader))).toContainEqual([away, true, false]), SOON);
        expect(cluster.members(cluster.log(leader))).toContainEqual([witness, true, true]);
      }));

    it('adds a member once, and lets it move', () =>
      withCluster(async (cluster) => {
        const leader = await cluster.leader();
        await leader.addMember('node2', cluster.fixture.addressOf('node2'));
        expect(leader.members().map(({ id }) => id)).toEqual(['node1', 'node2', 'node3']);
        await leader.addMember('node4', '127.0.0.1:4444');
        await leader.addMember('node4', '127.0.0.1:5555');
        expect(leader.members().find(({ id }) => id === 'node4')).toMatchObject({ address: '127.0.0.1:5555' });
      }));

    it('removes a member, which then takes part in nothing', () =>
      withCluster(async (cluster) => {
        const [removed = ''] = await cluster.others();
        await cluster.remove(removed);
        await cluster.remove(removed);
        await vi.waitFor(() => expect(cluster.log(removed).readBarrier()).rejects.toThrow(), SOON);
        await expect(cluster.log(removed).propose(bytes('one'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        await cluster.close(removed);
        await cluster.propose(['without it']);
        await cluster.expectEverywhere(['without it']);
      }));

    it('removes its leader, and another leads', () =>
      withCluster(async (cluster) => {
        const removed = await cluster.leaderId();
        const others = await cluster.others();
        await cluster.remove(removed);
        await cluster.propose(['without it'], others);
        expect(cluster.log(removed).leadership().isLeader).toBe(false);
        await cluster.close(removed);
        await cluster.expectEverywhere(['without it']);
        expect(new Set((await cluster.leader()).members().map(({ id }) => id))).toEqual(new Set(others));
      }));

    it('keeps the member without which nothing could be decided, unless it is forced', () =>
      withCluster(async (cluster) => {
        const leaderId = await cluster.leaderId();
        const [first = '', last = ''] = await cluster.others();
        const goesAway = async (id: string) => {
          await cluster.close(id);
          await vi.waitFor(
            () => expect(cluster.members(cluster.log(leaderId))).toContainEqual([id, true, false]),
            SOON,
          );
        };
        await goesAway(first);
        await cluster.log(leaderId).removeMember(first, { force: false });
        await goesAway(last);
        const removal = cluster.log(leaderId).removeMember(leaderId, { force: false });
        await expect(removal).rejects.toMatchObject({ code: 'WRONG_STATE', hint: expect.stringMatching(/./) });
      }));

    it('hands leadership over to the member named, and loses nothing', () =>
      withCluster(async (cluster) => {
        const [next = ''] = await cluster.others();
        const before = await cluster.leader();
        const proposed = Promise.allSettled(numbered(100).map((text) => before.propose(bytes(text))));
        // A member that is behind may not take over in time; then it is asked once more.
        await vi.waitFor(async () => {
          if (!cluster.log(next).leadership().isLeader) await before.transferLeadership(next);
        }, SOON);
        const outcomes = await proposed;
        await vi.waitFor(() => expect(cluster.log(next).leadership().isLeader).toBe(true), SOON);
        expect(before.leadership()).toMatchObject({ isLeader: false });
        await cluster.propose(['after'], [next]);
        const acknowledged = numbered(100).filter((_, number) => outcomes[number]?.status === 'fulfilled');
        await vi.waitFor(() => {
          for (const id of cluster.logs.keys())
            expect(cluster.state(id).texts, id).toEqual(expect.arrayContaining([...acknowledged, 'after']));
        }, SOON);
        await cluster.log(next).transferLeadership(next);
        expect(cluster.log(next).leadership().isLeader).toBe(true);
      }));

    it('hands leadership over to any member that is there', () =>
      withCluster(async (cluster) => {
        const before = await cluster.leaderId();
        const others = await cluster.others();
        await cluster.log(before).transferLeadership();
        expect(others).toContain(await cluster.leaderId(others));
      }));
  });
}
