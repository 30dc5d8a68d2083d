import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, open as openLmdb } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GantryError } from '../../proto/errors.ts';
import { aloneOptions } from './alone.testing.ts';
import { type OpenOptions, openReplicatedLog } from './open.ts';
import { RecordingState } from './recording-state.testing.ts';
import { replicatedLogSuite } from './replicated-log.suite.ts';
import type { StateMachine } from './replicated-log.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-replication-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function open(stateMachine: StateMachine, options: Partial<OpenOptions> = {}) {
  return openReplicatedLog(aloneOptions(dir, stateMachine, options), new AbortController().signal);
}

async function propose(texts: readonly string[], options: Partial<OpenOptions> = {}): Promise<void> {
  const log = await open(new RecordingState(), options);
  for (const text of texts) await log.propose(Buffer.from(text));
  await log.close();
}

async function reopen(): Promise<RecordingState> {
  const state = new RecordingState();
  const log = await open(state);
  await log.close();
  return state;
}

replicatedLogSuite('openReplicatedLog', open);

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `entry ${number}`);
}

describe('after a restart', () => {
  it('has every entry again', async () => {
    await propose(['one', 'two']);
    await propose(['three']);
    expect((await reopen()).texts).toEqual(['one', 'two', 'three']);
  });

  it('begins from the snapshot, and applies only what came after it', async () => {
    const texts = numbers(25);
    await propose(texts, { snapshotLimits: { maxEntries: 10, maxBytes: 1_000_000 } });
    const state = await reopen();
    expect(state.restoredFrom).toBeGreaterThan(10);
    expect(state.texts).toEqual(texts);
  });

  it('takes snapshots by size, too', async () => {
    const texts = numbers(20).map((text) => text.padEnd(1000));
    await propose(texts, { snapshotLimits: { maxEntries: 1000, maxBytes: 5000 } });
    const state = await reopen();
    expect(state.restoredFrom).toBeDefined();
    expect(state.texts).toEqual(texts);
  });

  it('does without entries that a crash left from before the snapshot, and removes them with the next one', async () => {
    const options = { snapshotLimits: { maxEntries: 10, maxBytes: 1_000_000 } };
    await propose(numbers(50), options);
    const before = await entries((db) => {
      db.putSync(1, Buffer.from('left'));
      return [...db.getKeys()];
    });
    expect(before[0]).toBe(1);
    expect(before[1]).toBeGreaterThan(2);
    expect((await reopen()).texts).toEqual(numbers(50));
    await propose(numbers(25), options);
    expect((await entries((db) => [...db.getKeys()]))[0]).toBeGreaterThan(2);
    expect((await reopen()).texts).toEqual([...numbers(50), ...numbers(25)]);
  });

  async function entries<Result>(use: (db: Database<Buffer, number>) => Result): Promise<Result> {
    const root = openLmdb({ path: join(dir, 'raft.lmdb'), encoding: 'binary' });
    const result = use(root.openDB<Buffer, number>({ name: 'entries', encoding: 'binary' }));
    await root.close();
    return result;
  }

  it('is in a later term, and leads', async () => {
    const first = await open(new RecordingState());
    const { term } = first.leadership();
    await first.close();
    const second = await open(new RecordingState());
    expect(second.leadership()).toEqual({ isLeader: true, leaderId: 'node1', term: term + 1 });
    await second.close();
  });
});

describe('openReplicatedLog', () => {
  it('lets nobody else in while it has the directory, and after it was closed somebody', async () => {
    const log = await open(new RecordingState());
    await expect(open(new RecordingState())).rejects.toMatchObject({ code: 'IN_USE' });
    await log.close();
    await log.close();
    await (await open(new RecordingState())).close();
  });

  it("refuses another node's log", async () => {
    await propose(['one']);
    await expect(open(new RecordingState(), { nodeId: 'node2' })).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });

  it('fails as a whole when the state machine throws, and says so once', async () => {
    const failures: GantryError[] = [];
    const state = new RecordingState();
    const broken = {
      ...stateMethods(state),
      apply: () => {
        throw new Error('defect');
      },
    };
    const log = await open(broken, { onFailure: (error) => failures.push(error) });
    await expect(log.propose(Buffer.from('one'))).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(log.propose(Buffer.from('two'))).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(failures).toHaveLength(1);
    expect(log.leadership().isLeader).toBe(false);
    await log.close();
  });
});

function stateMethods(state: RecordingState): StateMachine {
  return {
    apply: (index, data) => state.apply(index, data),
    snapshot: () => state.snapshot(),
    restore: (index, data) => state.restore(index, data),
  };
}

describe('a damaged log', () => {
  type Key = string | number;
  const damages: [
    string,
    string,
    (db: { get(key: Key): Buffer; putSync(key: Key, value: Buffer): void; removeSync(key: Key): void }) => void,
    RegExp,
  ][] = [
    ['a flipped bit in an entry', 'entries', (db) => db.putSync(3, flipped(db.get(3))), /checksum of entry 3/],
    [
      'an entry in the place of another',
      'entries',
      (db) => db.putSync(3, Buffer.from(db.get(2))),
      /checksum of entry 3/,
    ],
    ['a missing entry', 'entries', (db) => db.removeSync(3), /entry 3 is missing/],
    [
      'a flipped bit in the hard state',
      'records',
      (db) => db.putSync('hard-state', flipped(db.get('hard-state'))),
      /hard-state/,
    ],
    [
      'a flipped bit in the snapshot',
      'records',
      (db) => db.putSync('snapshot-data', flipped(db.get('snapshot-data'))),
      /snapshot-data/,
    ],
    ['a missing hard state', 'records', (db) => db.removeSync('hard-state'), /hard-state is missing/],
  ];

  it.each(damages)('with %s is refused, with what to do', async (_name, database, damage, message) => {
    await propose(['one', 'two', 'three', 'four']);
    const root = openLmdb({ path: join(dir, 'raft.lmdb'), encoding: 'binary' });
    damage(root.openDB<Buffer, Key>({ name: database, encoding: 'binary' }) as never);
    await root.close();
    const error: unknown = await open(new RecordingState()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'CORRUPT', hint: expect.stringContaining('backup') });
    expect((error as GantryError).message).toMatch(message);
  });

  function flipped(record: Buffer): Buffer {
    const copy = Buffer.from(record);
    copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1);
    return copy;
  }
});

describe('kill -9', () => {
  // Kills after so many acknowledgements: between, during and right after snapshots, which are taken every 50 entries.
  it.each([
    [1, [1, 49, 50, 51, 120]],
    [16, [1, 33, 49, 50, 170]],
  ])(
    'with %i proposals at a time: nothing acknowledged is lost, nothing is applied twice',
    async (concurrency, kills) => {
      const acknowledged: string[] = [];
      for (const count of kills) acknowledged.push(...(await proposeAndKill(concurrency, count)));
      const { texts } = await reopen();
      const applied = new Set(texts);
      expect(applied.size).toBe(texts.length);
      expect(acknowledged.filter((text) => !applied.has(text))).toEqual([]);
      expect(acknowledged.length).toBeGreaterThan(200);
    },
    60_000,
  );

  /** What the process had acknowledged when it was killed. */
  async function proposeAndKill(concurrency: number, count: number): Promise<string[]> {
    const program = join(import.meta.dirname, 'proposer.testing.ts');
    const child = spawn(process.execPath, [program, dir, String(concurrency)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.split('\n').length > count) child.kill('SIGKILL');
    });
    const signal = await new Promise((resolve) => child.once('close', (_code, killedBy) => resolve(killedBy)));
    expect(signal).toBe('SIGKILL');
    // The last line may have been cut off.
    return output.split('\n').slice(0, -1);
  }
});

describe('group commit', () => {
  it('puts what is proposed together on disk together', async () => {
    const log = await open(new RecordingState());
    const alone = await transactions(async () => {
      for (const text of numbers(64)) await log.propose(Buffer.from(text));
    });
    const together = await transactions(() => Promise.all(numbers(64).map((text) => log.propose(Buffer.from(text)))));
    expect(alone).toBeGreaterThanOrEqual(64);
    expect(together).toBeLessThan(8);
    await log.close();
  });

  /** How many LMDB makes for it, each of which waits for the disk. */
  async function transactions(action: () => Promise<unknown>): Promise<number> {
    const root = openLmdb({ path: join(dir, 'raft.lmdb'), encoding: 'binary' });
    const count = () => (root.getStats() as { readonly lastTxnId: number }).lastTxnId;
    const before = count();
    await action();
    const made = count() - before;
    await root.close();
    return made;
  }
});

vi.setConfig({ testTimeout: 20_000 });
