/** What an etcd cluster can do to the log, and what the log must not do to it. */
import type { Etcd3 } from 'etcd3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { GantryError } from '../../../proto/errors.ts';
import { RecordingState } from '../recording-state.testing.ts';
import type { ReplicatedLog } from '../replicated-log.ts';
import { EtcdFixture, testOptions } from './etcd-log.testing.ts';
import { ETCD_PROGRAM, EtcdServers } from './etcd-server.testing.ts';
import { Keys } from './keys.ts';
import { type EtcdOpenOptions, openEtcdLog } from './open.ts';

const SOON = { timeout: 20_000, interval: 10 };
const bytes = (text: string) => Buffer.from(text);
const numbered = (count: number, name = 'entry') => Array.from({ length: count }, (_, number) => `${name} ${number}`);
const refused = (opening: Promise<ReplicatedLog>) =>
  opening.then(
    () => undefined,
    (error: GantryError) => error,
  );

const leads = (log: ReplicatedLog) => vi.waitFor(() => expect(log.leadership().isLeader).toBe(true), SOON);

async function propose(log: ReplicatedLog, texts: readonly string[]): Promise<void> {
  await Promise.all(texts.map((text) => log.propose(bytes(text))));
}

/** One after the other, each until it is acknowledged: an attempt that failed may have happened, too. */
async function proposeStubbornly(logs: readonly ReplicatedLog[], texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    await vi.waitFor(async () => {
      const leader = logs.find((log) => log.leadership().isLeader);
      if (leader === undefined) throw new Error('nobody leads');
      await leader.propose(bytes(text));
    }, SOON);
  }
}

describe.skipIf(ETCD_PROGRAM === undefined)('a log in an etcd of one', () => {
  let etcd: EtcdServers;
  let client: Etcd3;
  let prefix: string;
  let keys: Keys;
  let open: (id: string, state: RecordingState, options?: Partial<EtcdOpenOptions>) => Promise<ReplicatedLog>;
  const opened: ReplicatedLog[] = [];

  beforeAll(async () => {
    etcd = await EtcdServers.start();
    client = etcd.client();
  });
  afterAll(async () => {
    client.close();
    await etcd.stop();
  });
  beforeEach(() => {
    prefix = etcd.newPrefix();
    keys = new Keys(prefix);
    open = async (id, state, options = {}) => {
      const log = await openEtcdLog({ ...testOptions(etcd.store(prefix), id, state), ...options });
      opened.push(log);
      return log;
    };
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((log) => log.close()));
  });

  /** Two members, the first of which leads. */
  async function openTwo(options: Partial<EtcdOpenOptions> = {}) {
    const states = [new RecordingState(), new RecordingState()] as const;
    const first = await open('a', states[0], options);
    await leads(first);
    await first.addMember('b', '127.0.0.1:2');
    return { states, logs: [first, await open('b', states[1], options)] as const };
  }

  it('is refused to who is no member of it', async () => {
    await open('a', new RecordingState());
    expect(await refused(open('b', new RecordingState()))).toMatchObject({
      code: 'WRONG_STATE',
      message: expect.stringContaining('node b is no manager'),
      hint: expect.stringContaining('another prefix'),
    });
  });

  it('of a newer version is refused', async () => {
    await client.put(keys.format).value('{"version":2,"id":"x"}');
    expect(await refused(open('a', new RecordingState()))).toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('is not made anew by a manager that knows one, nor by one that is to join', async () => {
    const gone = { code: 'WRONG_STATE', message: expect.stringContaining('no longer in') };
    expect(await refused(open('a', new RecordingState(), { knownId: 'lost' }))).toMatchObject(gone);
    const askToJoin = vi.fn(async () => undefined);
    expect(await refused(open('a', new RecordingState(), { begin: { kind: 'join', askToJoin } }))).toMatchObject({
      code: 'WRONG_STATE',
      hint: expect.stringContaining('same --store'),
    });
    expect(askToJoin).not.toHaveBeenCalled();
    let id = '';
    const onKnown = async (known: string) => {
      id = known;
    };
    await (await open('a', new RecordingState(), { onKnown })).close();
    await (await open('a', new RecordingState(), { knownId: id })).close();
    expect(await refused(open('a', new RecordingState(), { knownId: 'lost' }))).toMatchObject(gone);
  });

  it('takes in who asks for it', async () => {
    const log = await open('a', new RecordingState());
    await leads(log);
    const askToJoin = () => log.addMember('b', '127.0.0.1:2');
    await open('b', new RecordingState(), { begin: { kind: 'join', askToJoin } });
    await vi.waitFor(() => expect(log.members()).toMatchObject([{ id: 'a' }, { id: 'b', reachable: true }]), SOON);
  });

  it('goes on at once after its manager was killed and started again', async () => {
    const zombie = await open('a', new RecordingState(), { leaseSeconds: 600 });
    await leads(zombie);
    const { term } = zombie.leadership();
    const again = await open('a', new RecordingState(), { leaseSeconds: 600 });
    await leads(again);
    expect(again.leadership().term).toBeGreaterThan(term);
    await vi.waitFor(() => expect(zombie.leadership().isLeader).toBe(false), SOON);
  });

  it('is cut behind each snapshot, and keeps one snapshot', async () => {
    const { logs, states } = await openTwo({ snapshotLimits: { maxEntries: 20, maxBytes: 10_000_000 } });
    for (let round = 0; round < 20; round += 1) await propose(logs[0], numbered(20, `round ${round}`));
    await vi.waitFor(async () => {
      const { count } = await client.kv.range({ ...keys.recordsFrom(0), count_only: true });
      expect(Number(count)).toBeLessThan(200);
      const chunks = await client.kv.range({ ...keys.snapshots, keys_only: true });
      expect(chunks.kvs).toHaveLength(1);
    }, SOON);
    await vi.waitFor(() => expect(states[1].texts).toHaveLength(400), SOON);
  });

  it('has snapshots larger than what etcd takes at once', async () => {
    const text = (number: number) => `${number}`.padEnd(200_000, 'x');
    const texts = Array.from({ length: 40 }, (_, number) => text(number));
    const { logs } = await openTwo({ snapshotLimits: { maxEntries: 10, maxBytes: 100_000_000 } });
    for (const one of texts) await propose(logs[0], [one]);
    await vi.waitFor(async () => {
      const chunks = await client.kv.range({ ...keys.snapshots, keys_only: true });
      expect(chunks.kvs.length).toBeGreaterThan(4);
    }, SOON);
    await logs[1].close();
    const state = new RecordingState();
    await open('b', state);
    expect(state.restoredFrom).toBeGreaterThan(0);
    expect(state.texts).toEqual(texts);
  });

  it('lets etcd forget old versions of its keys', async () => {
    const { logs } = await openTwo({ snapshotLimits: { maxEntries: 10, maxBytes: 100_000_000 } });
    const { header } = await client.kv.range({ key: keys.end });
    for (let round = 0; round < 10; round += 1) await propose(logs[0], numbered(20, `round ${round}`));
    await vi.waitFor(async () => {
      await expect(client.kv.range({ key: keys.end, revision: header.revision })).rejects.toThrow('compacted');
    }, SOON);
  });

  it.each([
    ['a flipped bit in an entry', () => client.put(keys.record(3)).value('nonsense'), /checksum of entry 3/],
    ['a missing entry', () => client.delete().key(keys.record(3)), /record 3 is missing/],
    ['a missing end', () => client.delete().key(keys.end), /end is missing/],
  ])('with %s is refused, with what to do', async (_name, damage, message) => {
    const log = await open('a', new RecordingState());
    await leads(log);
    for (const text of numbered(5)) await log.propose(bytes(text));
    await log.close();
    await damage();
    const error = await refused(open('a', new RecordingState()));
    expect(error).toMatchObject({ code: 'CORRUPT', hint: expect.stringContaining('backup') });
    expect(error?.message).toMatch(message);
  });

  it('with a damaged snapshot is refused', async () => {
    const { logs } = await openTwo({ snapshotLimits: { maxEntries: 10, maxBytes: 100_000_000 } });
    await propose(logs[0], numbered(50));
    await vi.waitFor(async () => {
      const { kvs } = await client.kv.range({ key: keys.snapshot });
      expect(kvs).toHaveLength(1);
    }, SOON);
    await Promise.all(logs.map((log) => log.close()));
    const { kvs } = await client.kv.range(keys.snapshots);
    for (const { key } of kvs) await client.put(key).value('nonsense');
    expect(await refused(open('a', new RecordingState()))).toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining('snapshot of entry'),
    });
  });

  it.each([
    ['entries', (log: ReplicatedLog) => propose(log, ['lost'])],
    ['a change of the members', (log: ReplicatedLog) => log.addMember('b', '127.0.0.1:2')],
  ])('that has lost %s which a manager has seen is not gone on with', async (_name, change) => {
    const own = await EtcdServers.start();
    onTestFinished(() => own.stop());
    const failed: GantryError[] = [];
    const state = new RecordingState();
    const store = own.store();
    const log = await openEtcdLog({ ...testOptions(store, 'a', state), onFailure: (error) => failed.push(error) });
    try {
      await leads(log);
      await propose(log, numbered(5));
      await own.goBack(async () => {
        await leads(log);
        await change(log);
      });
      await vi.waitFor(
        () => expect(failed).toMatchObject([{ code: 'CORRUPT', hint: expect.stringContaining('start again') }]),
        SOON,
      );
    } finally {
      await log.close();
    }
    const again = new RecordingState();
    await (await openEtcdLog(testOptions(store, 'a', again))).close();
    expect(again.texts).toEqual(numbered(5));
  });

  it('that has lost a change is not gone on with, though others have written more since', async () => {
    const own = await EtcdServers.start();
    onTestFinished(() => own.stop());
    const ownFixture = new EtcdFixture(own);
    onTestFinished(() => ownFixture.close());
    const failed: Error[] = [];
    const log = await ownFixture.open('a', {
      state: new RecordingState(),
      onFailure: (error) => void failed.push(error),
    });
    opened.push(log);
    await leads(log);
    await own.goBack(async () => {
      await leads(log);
      await log.addMember('b', ownFixture.addressOf('b'));
      ownFixture.cutOff('a');
    });
    const others = own.client();
    for (const text of numbered(100)) await others.put('beside').value(text);
    others.close();
    ownFixture.reconnect('a');
    await vi.waitFor(
      () =>
        expect(failed).toMatchObject([{ code: 'CORRUPT', message: expect.stringContaining('members were others') }]),
      SOON,
    );
  });

  describe('reached by a bad way', () => {
    let fixture: EtcdFixture;
    beforeEach(() => {
      fixture = new EtcdFixture(etcd);
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((log) => log.close()));
      await fixture.close();
    });

    async function openThere(id: string, state: RecordingState, options: { readonly leaseSeconds?: number } = {}) {
      const log = await fixture.open(id, { ...options, state });
      opened.push(log);
      return log;
    }

    it('has an entry once whose acknowledgement was lost', async () => {
      const state = new RecordingState();
      const log = await openThere('a', state, { leaseSeconds: 20 });
      await leads(log);
      const way = await fixture.way('a');
      const stored = () => client.kv.range({ ...new Keys(fixture.prefix).recordsFrom(0), count_only: true });
      for (const [number, text] of numbered(3).entries()) {
        way.cut('to-client');
        const proposed = log.propose(bytes(text));
        // etcd has it, and nobody here knows.
        await vi.waitFor(async () => expect(Number((await stored()).count)).toBe(number + 1), SOON);
        way.reset();
        way.mend();
        await proposed;
      }
      expect(state.texts).toEqual(numbered(3));
      expect(log.leadership().isLeader).toBe(true);
    });

    it('is written by nobody whose name was taken off the leader’s key, even unnoticed', async () => {
      const states = [new RecordingState(), new RecordingState()] as const;
      const first = await openThere('a', states[0], { leaseSeconds: 20 });
      await leads(first);
      await first.addMember('b', fixture.addressOf('b'));
      const second = await openThere('b', states[1], { leaseSeconds: 20 });
      await propose(first, ['before']);
      const way = await fixture.way('a');
      way.cut('to-client');
      await client.put(new Keys(fixture.prefix).leader).value('b');
      await leads(second);
      // It reaches etcd, from a leader that has heard of nothing.
      expect(first.leadership().isLeader).toBe(true);
      const tooLate = first.propose(bytes('too late'));
      await propose(second, ['after']);
      way.mend();
      await expect(tooLate).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await vi.waitFor(
        () =>
          expect(states.map(({ texts }) => texts)).toEqual([
            ['before', 'after'],
            ['before', 'after'],
          ]),
        SOON,
      );
    });

    it('goes on after connections broke, again and again', async () => {
      const state = new RecordingState();
      const log = await openThere('a', state, { leaseSeconds: 20 });
      await leads(log);
      const way = await fixture.way('a');
      const texts = numbered(300);
      const proposed = texts.map(async (text, number) => {
        await vi.waitFor(() => expect(state.texts.length).toBeGreaterThanOrEqual(number - 5), SOON);
        if (number % 50 === 25) way.reset();
        await log.propose(bytes(text));
      });
      await Promise.all(proposed);
      expect(state.texts).toHaveLength(texts.length);
      expect(new Set(state.texts)).toEqual(new Set(texts));
    });

    it('is caught up with when etcd has forgotten what happened meanwhile', async () => {
      const states = [new RecordingState(), new RecordingState()] as const;
      const first = await openThere('a', states[0]);
      await leads(first);
      await first.addMember('b', fixture.addressOf('b'));
      await openThere('b', states[1]);
      fixture.cutOff('b');
      await propose(first, numbered(50));
      const { header } = await client.kv.range({ key: keys.end });
      await client.kv.compact({ revision: header.revision });
      fixture.reconnect('b');
      await vi.waitFor(() => expect(states[1].texts).toEqual(states[0].texts), SOON);
    });

    it('is no longer led, nor read, by who cannot reach etcd, who says so', async () => {
      const log = await openThere('a', new RecordingState());
      await leads(log);
      const way = await fixture.way('a');
      fixture.cutOff('a');
      await vi.waitFor(() => expect(log.leadership()).toMatchObject({ isLeader: false, leaderId: undefined }), SOON);
      const complaint = {
        code: 'UNAVAILABLE',
        message: expect.stringContaining(way.address),
        hint: expect.stringContaining('quorum'),
      };
      await expect(log.propose(bytes('one'))).rejects.toMatchObject(complaint);
      await expect(log.readBarrier()).rejects.toMatchObject(complaint);
      fixture.reconnect('a');
      await leads(log);
      await log.propose(bytes('two'));
    });

    it('is closed in time by who cannot reach etcd', async () => {
      const log = await openThere('a', new RecordingState());
      await leads(log);
      fixture.cutOff('a');
      const proposed = log.propose(bytes('one'));
      await Promise.all([expect(proposed).rejects.toMatchObject({ code: 'UNAVAILABLE' }), log.close()]);
    });
  });
});

describe('where there is no etcd', () => {
  it('says whom it could not reach, and what to look after', async () => {
    const store = 'etcd://127.0.0.1:1,127.0.0.1:2/somewhere';
    expect(await refused(openEtcdLog(testOptions(store, 'a', new RecordingState())))).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/^etcd at 127\.0\.0\.1:1, 127\.0\.0\.1:2 cannot be reached: /),
      hint: expect.stringContaining('quorum'),
    });
  });
});

describe.skipIf(ETCD_PROGRAM === undefined)('a log in an etcd of three', () => {
  let etcd: EtcdServers;
  beforeAll(async () => {
    etcd = await EtcdServers.start({ members: 3 });
  });
  afterAll(() => etcd.stop());

  it('loses nothing, and has nothing twice, while etcd’s members are killed and stopped in turn', async () => {
    const store = etcd.store();
    const states = [new RecordingState(), new RecordingState()] as const;
    const first = await openEtcdLog({ ...testOptions(store, 'a', states[0]), leaseSeconds: 5 });
    await leads(first);
    await first.addMember('b', '127.0.0.1:2');
    const logs = [first, await openEtcdLog({ ...testOptions(store, 'b', states[1]), leaseSeconds: 5 })];
    try {
      const texts: string[] = [];
      for (const [round, number] of [0, 1, 2, 0, 1, 2].entries()) {
        if (round < 3) await etcd.kill(number);
        else etcd.signal(number, 'SIGSTOP');
        const round_texts = numbered(20, `round ${round}`);
        await proposeStubbornly(logs, round_texts);
        texts.push(...round_texts);
        if (round < 3) etcd.spawn(number);
        else etcd.signal(number, 'SIGCONT');
        await etcd.ready();
      }
      await vi.waitFor(() => expect(states[0].texts).toEqual(states[1].texts), SOON);
      // What was given up may have happened, and then again; nothing else may be there twice.
      expect([...new Set(states[0].texts)]).toEqual(texts);
    } finally {
      await Promise.all(logs.map((log) => log.close()));
    }
  });

  it('goes on after all of etcd was gone', async () => {
    const state = new RecordingState();
    const log = await openEtcdLog(testOptions(etcd.store(), 'a', state));
    try {
      await leads(log);
      await propose(log, ['before']);
      for (const number of [0, 1, 2]) await etcd.kill(number);
      await vi.waitFor(() => expect(log.leadership().isLeader).toBe(false), SOON);
      await expect(log.propose(bytes('meanwhile'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      for (const number of [0, 1, 2]) etcd.spawn(number);
      await etcd.ready();
      await leads(log);
      await propose(log, ['after']);
      expect(state.texts).toEqual(['before', 'after']);
    } finally {
      await log.close();
    }
  });
});

describe.skipIf(ETCD_PROGRAM === undefined)('a log in an etcd with narrow limits', () => {
  it('says that etcd is full, and goes on once it isn’t', async () => {
    const etcd = await EtcdServers.start({ flags: ['--quota-backend-bytes', String(16 * 1024 * 1024)] });
    const client = etcd.client();
    const log = await openEtcdLog(testOptions(etcd.store(), 'a', new RecordingState()));
    try {
      await leads(log);
      const junk = Buffer.alloc(1024 * 1024, 'x');
      const fill = async () => {
        // It counts what it has written to its file, which it does now and then.
        for (let number = 0; number < 300; number += 1) await client.put('junk').value(junk);
      };
      await expect(fill()).rejects.toThrow('space exceeded');
      await expect(log.propose(bytes('one'))).rejects.toMatchObject({
        code: 'EXHAUSTED',
        hint: expect.stringContaining('quota'),
      });
      expect(log.leadership().isLeader).toBe(true);
      const { header } = await client.kv.range({ key: Buffer.from('junk') });
      await client.kv.compact({ revision: header.revision, physical: true });
      await client.maintenance.defragment();
      const { alarms } = await client.maintenance.alarm({ action: 'Get' });
      for (const { memberID } of alarms)
        await client.maintenance.alarm({ action: 'Deactivate', alarm: 'Nospace', memberID });
      await leads(log);
      await log.propose(bytes('two'));
    } finally {
      await log.close();
      client.close();
      await etcd.stop();
    }
  });

  it('says that requests must be larger', async () => {
    const etcd = await EtcdServers.start({ flags: ['--max-request-bytes', '100000'] });
    const log = await openEtcdLog(testOptions(etcd.store(), 'a', new RecordingState()));
    try {
      await leads(log);
      await expect(log.propose(Buffer.alloc(700_000))).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        hint: expect.stringContaining('--max-request-bytes'),
      });
      await log.propose(bytes('small'));
    } finally {
      await log.close();
      await etcd.stop();
    }
  });
});

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
