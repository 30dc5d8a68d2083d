import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { Cluster } from '../../proto/generated/gantry/v1/types.ts';
import { systemClock } from '../clock.ts';
import type { Member } from '../replication/replicated-log.ts';
import { clusterType } from '../store/cluster.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { StoreState } from '../store/state.ts';
import { Store } from '../store/store.ts';
import { watchIncarnation } from './incarnation.ts';

const logger = pino({ level: 'silent' });

async function storeOf(incarnation: number | undefined): Promise<Store> {
  const state = new StoreState(logger);
  const store = new Store(state, new MemoryLog('a', state), systemClock);
  if (incarnation === undefined) return store;
  const cluster = clusterType.complete(Cluster.fromPartial({ id: 'c1', incarnation }));
  await store.update((tx) => void tx.create('cluster', cluster));
  return store;
}

/** Looks once, as manager a; `others` by id: what they answer, or why they don't. */
async function lookOnce(own: number | undefined, others: Record<string, number | Error>): Promise<void> {
  const over = new AbortController();
  const members = ['a', ...Object.keys(others)].map(
    (id): Member => ({ id, address: `${id}:2377`, voter: true, reachable: true, leader: false }),
  );
  const connect = (address: string) => {
    const answer = others[address.replace(':2377', '')];
    if (answer === undefined) throw new Error(`nobody is at ${address}`);
    const incarnation = (_request: object, done: (error: Error | null, response?: object) => void) => {
      setImmediate(() => (answer instanceof Error ? done(answer) : done(null, { incarnation: answer })));
      return { cancel: () => undefined };
    };
    return { incarnation, close: () => undefined } as never;
  };
  const clock = { ...systemClock, sleep: async () => over.abort() };
  const log = { members: () => members };
  await watchIncarnation({ nodeId: 'a', store: await storeOf(own), log, connect, clock, logger }, over.signal);
}

describe('a manager', () => {
  it.each([
    ['of the same incarnation as the others', 2, { b: 2, c: 2 }],
    ['of a later one: they find out themselves', 2, { b: 1, c: 1 }],
    ['alone', 1, {}],
    ['whose others do not answer', 1, { b: new Error('down'), c: new Error('down') }],
    ['whose others know nothing yet', 1, { b: 0, c: 0 }],
    ['that knows nothing yet', undefined, { b: 2 }],
  ])('%s goes on', async (_name, own, others) => {
    await lookOnce(own, others);
  });

  it('ends when the cluster was recovered without it, whoever says so', async () => {
    const cases: Record<string, number | Error>[] = [{ b: 2 }, { b: 1, c: 2 }, { b: new Error('down'), c: 2 }];
    for (const others of cases) {
      await expect(lookOnce(1, others)).rejects.toMatchObject({
        code: 'NOT_IN_CLUSTER',
        hint: expect.stringContaining('gantry node promote'),
      });
    }
  });
});
