/** Processes on one log in etcd that are killed, and that are stopped for longer than their lease. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { RecordingState } from '../recording-state.testing.ts';
import { testOptions } from './etcd-log.testing.ts';
import { ETCD_PROGRAM, EtcdServers } from './etcd-server.testing.ts';
import { openEtcdLog } from './open.ts';

const SOON = { timeout: 30_000, interval: 10 };

class Proposer {
  readonly #child: ChildProcess;
  #output = '';

  constructor(store: string, id: string, concurrency: number) {
    const program = join(import.meta.dirname, 'proposer.testing.ts');
    this.#child = spawn(process.execPath, [program, store, id, String(concurrency)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child.stdout?.on('data', (data: Buffer) => {
      this.#output += data.toString();
    });
  }

  get acknowledged(): string[] {
    // The last line may have been cut off.
    return this.#output.split('\n').slice(0, -1);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async untilAcknowledged(count: number): Promise<void> {
    await vi.waitFor(() => expect(this.acknowledged.length).toBeGreaterThanOrEqual(count), SOON);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}

describe.skipIf(ETCD_PROGRAM === undefined)('processes with a log in etcd', () => {
  let etcd: EtcdServers;
  const running: Proposer[] = [];
  beforeAll(async () => {
    etcd = await EtcdServers.start();
  });
  afterAll(() => etcd.stop());
  afterEach(async () => {
    await Promise.all(running.splice(0).map((proposer) => proposer.kill()));
  });

  function start(store: string, id: string, concurrency: number): Proposer {
    const proposer = new Proposer(store, id, concurrency);
    running.push(proposer);
    return proposer;
  }

  /** Makes the log, with two members that may be started. */
  async function makeLog(store: string): Promise<void> {
    const log = await openEtcdLog(testOptions(store, 'a', new RecordingState()));
    await vi.waitFor(() => log.addMember('b', '127.0.0.1:2'), SOON);
    await log.close();
  }

  async function textsIn(store: string): Promise<string[]> {
    const state = new RecordingState();
    const log = await openEtcdLog(testOptions(store, 'a', state));
    await log.readBarrier();
    await log.close();
    return state.texts;
  }

  function expectAllOnce(texts: readonly string[], acknowledged: readonly string[]): void {
    const found = new Set(texts);
    expect(found.size).toBe(texts.length);
    expect(acknowledged.filter((text) => !found.has(text))).toEqual([]);
  }

  // Kills after so many acknowledgements: between, during and right after snapshots, which are taken every 50 entries.
  it.each([
    [1, [1, 49, 50, 51, 120]],
    [16, [1, 33, 49, 50, 170]],
  ])(
    'are killed with %i proposals at a time: nothing acknowledged is lost, nothing is applied twice',
    async (concurrency, kills) => {
      const store = etcd.store();
      await makeLog(store);
      const acknowledged: string[] = [];
      for (const count of kills) {
        const proposer = start(store, 'a', concurrency);
        await proposer.untilAcknowledged(count);
        await proposer.kill();
        acknowledged.push(...proposer.acknowledged);
      }
      expectAllOnce(await textsIn(store), acknowledged);
      expect(acknowledged.length).toBeGreaterThan(200);
    },
  );

  it('are stopped while they lead: another goes on, and what was overtaken is not written', async () => {
    const store = etcd.store();
    await makeLog(store);
    const [first, second] = [start(store, 'a', 8), start(store, 'b', 8)];
    const leaders: Proposer[] = [];
    for (let round = 0; round < 4; round += 1) {
      const counts = [first, second].map(({ acknowledged }) => acknowledged.length);
      const leader = await vi.waitFor(() => {
        const found = [first, second].find(({ acknowledged }, each) => acknowledged.length > (counts[each] ?? 0) + 20);
        if (found === undefined) throw new Error('nobody leads');
        return found;
      }, SOON);
      const other = leader === first ? second : first;
      leader.signal('SIGSTOP');
      await other.untilAcknowledged(other.acknowledged.length + 50);
      leader.signal('SIGCONT');
      leaders.push(leader);
    }
    await Promise.all([first.kill(), second.kill()]);
    expect(new Set(leaders).size).toBe(2);
    expectAllOnce(await textsIn(store), [...first.acknowledged, ...second.acknowledged]);
  });
});

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });
