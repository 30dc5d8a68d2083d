/** Several managers' logs in one process, each with a disk of its own and a network between them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openReplicatedLog } from './open.ts';
import { MemoryNetwork } from './peers/memory-network.testing.ts';
import type { RaftDriver } from './raft-driver.ts';
import { RecordingState } from './recording-state.testing.ts';

interface Running {
  readonly log: RaftDriver;
  readonly state: RecordingState;
}

let dir: string;
let network: MemoryNetwork;
let running: Map<string, Running>;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-raft-'));
  network = new MemoryNetwork();
  running = new Map();
});
afterEach(async () => {
  for (const id of running.keys()) network.detach(id);
  await Promise.all([...running.values()].map(({ log }) => log.close()));
  rmSync(dir, { recursive: true, force: true });
});

const until = (assertion: () => unknown) => vi.waitFor(assertion, { timeout: 15_000, interval: 10 });
const bytes = (text: string) => Buffer.from(text);

async function start(id: string, joining: boolean): Promise<Running> {
  const state = new RecordingState();
  const transport = network.transport(id);
  const log = await openReplicatedLog(
    {
      dir: join(dir, id),
      nodeId: id,
      address: `${id}:2377`,
      stateMachine: state,
      connect: () => {
        throw new Error('not over gRPC');
      },
      begin: joining ? { kind: 'joined', members: addressesOf('a', 'b', 'c') } : { kind: 'alone' },
      transport,
      logger: pino({ level: 'silent' }),
      snapshotLimits: { maxEntries: 40, maxBytes: 1_000_000 },
      onFailure: (error) => {
        throw error;
      },
    },
    new AbortController().signal,
  );
  network.attach(id, log);
  running.set(id, { log, state });
  return { log, state };
}

function addressesOf(...ids: readonly string[]) {
  return ids.map((id) => ({ id, address: `${id}:2377` }));
}

/** As with kill -9: nobody is told but by the connections that break. */
async function kill(id: string): Promise<void> {
  const found = running.get(id);
  running.delete(id);
  network.isolate(id);
  network.detach(id);
  await found?.log.close();
  network.heal();
}

function leader(): Running & { readonly id: string } {
  const found = [...running].find(([, { log }]) => log.leadership().isLeader);
  if (found === undefined) throw new Error('nobody leads');
  return { id: found[0], ...found[1] };
}

async function startThree(): Promise<void> {
  const { log } = await start('a', false);
  for (const id of ['b', 'c']) {
    await start(id, true);
    await log.addMember(id, `${id}:2377`);
  }
  await until(() => expect(log.members().filter(({ voter, reachable }) => voter && reachable)).toHaveLength(3));
}

async function proposeMany(count: number, name: string): Promise<void> {
  for (let each = 0; each < count; each += 1) await leader().log.propose(bytes(`${name} ${each}`));
}

async function untilAllEqual(): Promise<void> {
  await until(() => {
    const { state, log } = leader();
    for (const other of running.values()) {
      expect(other.log.appliedIndex).toBe(log.appliedIndex);
      expect(other.state.texts).toEqual(state.texts);
    }
  });
}

describe('managers with a log in common', () => {
  it('take each other in, apply the same, and say who they are', async () => {
    await startThree();
    await proposeMany(5, 'entry');
    await untilAllEqual();
    for (const { log } of running.values()) {
      expect(log.members().map(({ id, address, voter, leader: leads }) => [id, address, voter, leads])).toEqual([
        ['a', 'a:2377', true, true],
        ['b', 'b:2377', true, false],
        ['c', 'c:2377', true, false],
      ]);
    }
  });

  it('lose nothing that was acknowledged when the leader is killed, and have another one', async () => {
    await startThree();
    await proposeMany(10, 'before');
    await kill('a');
    await until(() => expect(leader().id).not.toBe('a'));
    await proposeMany(10, 'after');
    await start('a', true);
    await untilAllEqual();
    expect(leader().state.texts).toHaveLength(20);
  });

  it('hand leadership over, on request and at the end', async () => {
    await startThree();
    await until(async () => {
      await leader().log.transferLeadership('b');
      expect(leader().id).toBe('b');
    });
    const { log } = leader();
    const heard = vi.fn();
    running.get('c')?.log.onLeadership(heard);
    running.delete('b');
    await log.close();
    network.detach('b');
    await until(() => expect(['a', 'c']).toContain(leader().id));
    await proposeMany(1, 'after');
  });

  it('bring one that was away up to date, with a snapshot when the entries are gone', async () => {
    await startThree();
    await kill('c');
    await proposeMany(150, 'entry');
    const { state } = await start('c', true);
    await untilAllEqual();
    expect(state.restoredFrom).toBeDefined();
  });

  it('see to it that a read sees what was acknowledged before, on every one of them', async () => {
    await startThree();
    for (let round = 0; round < 20; round += 1) {
      await leader().log.propose(bytes(`round ${round}`));
      for (const { log, state } of running.values()) {
        await log.readBarrier();
        expect(state.texts.at(-1)).toBe(`round ${round}`);
      }
    }
  });

  it('refuse to read and to write without a majority, and say who is missing', async () => {
    await startThree();
    network.isolate('b');
    network.isolate('c');
    const { log } = leader();
    const proposed = log.propose(bytes('lost?'));
    await expect(proposed).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(log.readBarrier()).rejects.toMatchObject({
      message: expect.stringMatching(/lost its quorum: 2 of its 3 managers are needed, and b \(b:2377\), c \(c:2377\)/),
    });
    network.heal();
    await until(() => leader());
    await proposeMany(1, 'again');
    await untilAllEqual();
  });

  it('let one go, but not when the others could not go on', async () => {
    await startThree();
    await kill('c');
    await until(() =>
      expect(
        leader()
          .log.members()
          .find(({ id }) => id === 'c')?.reachable,
      ).toBe(false),
    );
    const victim = ['a', 'b'].find((id) => id !== leader().id) ?? '';
    await expect(leader().log.removeMember(victim, { force: false })).rejects.toMatchObject({ code: 'WRONG_STATE' });
    await leader().log.removeMember('c', { force: false });
    await leader().log.removeMember('c', { force: false });
    await leader().log.removeMember(victim, { force: false });
    expect(
      leader()
        .log.members()
        .map(({ id }) => id),
    ).toEqual([leader().id]);
    await proposeMany(3, 'alone');
  });

  it('hand over before the leader itself is let go', async () => {
    await startThree();
    // As whoever wants it gone does: again, until somebody else leads.
    await until(async () => {
      await leader().log.removeMember('a', { force: false });
      expect(leader().id).not.toBe('a');
    });
    await leader().log.removeMember('a', { force: false });
    expect(
      leader()
        .log.members()
        .map(({ id }) => id),
    ).toEqual(['b', 'c']);
    await proposeMany(1, 'after');
  });

  it('notice that one has moved', async () => {
    await startThree();
    await leader().log.addMember('b', 'elsewhere:2377');
    await until(() => {
      for (const { log } of running.values()) {
        expect(log.members().find(({ id }) => id === 'b')).toMatchObject({ address: 'elsewhere:2377', voter: true });
      }
    });
  });

  it('have the same state after all of them were killed', async () => {
    await startThree();
    await proposeMany(60, 'entry');
    await untilAllEqual();
    for (const id of ['a', 'b', 'c']) await kill(id);
    for (const id of ['a', 'b', 'c']) await start(id, true);
    await until(() => leader());
    await leader().log.readBarrier();
    expect(leader().state.texts).toHaveLength(60);
    await untilAllEqual();
  });
});
