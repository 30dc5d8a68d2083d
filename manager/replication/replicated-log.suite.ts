/** What every ReplicatedLog keeps to. `open` gives one that leads, or soon does. */
import { describe, expect, it, vi } from 'vitest';
import { RecordingState } from './recording-state.testing.ts';
import type { Leadership, ReplicatedLog, StateMachine } from './replicated-log.ts';

export function replicatedLogSuite(name: string, open: (state: StateMachine) => Promise<ReplicatedLog>): void {
  async function withLog(test: (log: ReplicatedLog, state: RecordingState) => Promise<void>): Promise<void> {
    const state = new RecordingState();
    const log = await open(state);
    try {
      await vi.waitFor(() => expect(log.leadership().isLeader).toBe(true));
      await test(log, state);
    } finally {
      await log.close();
    }
  }
  const bytes = (text: string) => Buffer.from(text);

  describe(`${name} as a ReplicatedLog`, () => {
    it('applies an entry before it is acknowledged', () =>
      withLog(async (log, state) => {
        const index = await log.propose(bytes('one'));
        expect(state.entries).toEqual([{ index, text: 'one' }]);
        expect(log.appliedIndex).toBeGreaterThanOrEqual(index);
      }));

    it('applies entries in the order in which they were proposed, each at the index it is acknowledged with', () =>
      withLog(async (log, state) => {
        const texts = Array.from({ length: 200 }, (_, number) => `entry ${number}`);
        const indexes = await Promise.all(texts.map((text) => log.propose(bytes(text))));
        expect(state.texts).toEqual(texts);
        expect(state.entries.map(({ index }) => index)).toEqual(indexes);
        expect(indexes).toEqual([...indexes].sort((one, other) => one - other));
      }));

    it('gives the state machine the bytes as they were proposed, also many', () =>
      withLog(async (log, state) => {
        const large = 'x'.repeat(3_000_000);
        await Promise.all([log.propose(bytes(large)), log.propose(bytes('small'))]);
        expect(state.texts.map((text) => text === large || text)).toEqual([true, 'small']);
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
        expect(leaderId).toBeDefined();
        expect(term).toBeGreaterThan(0);
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

    it('no longer tells those who have unsubscribed', async () => {
      const listener = vi.fn();
      await withLog(async (log) => log.onLeadership(listener)());
      expect(listener).not.toHaveBeenCalled();
    });
  });
}
