import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { Cluster } from '../../proto/generated/gantry/v1/types.ts';
import { systemClock } from '../clock.ts';
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

/** Looks once; `others`: the incarnations that they answer, or undefined. */
async function lookOnce(own: number | undefined, others: readonly (number | undefined)[]): Promise<void> {
  const over = new AbortController();
  const clock = { ...systemClock, sleep: async () => over.abort() };
  const answers = others.map((incarnation) =>
    incarnation === undefined ? undefined : { nodeId: 'b', incarnation, stateFormat: 1, tls: undefined },
  );
  await watchIncarnation({ store: await storeOf(own), askPeers: async () => answers, clock }, over.signal);
}

describe('a manager', () => {
  it.each([
    ['of the same incarnation as the others', 2, [2, 2]],
    ['of a later one: they find out themselves', 2, [1, 1]],
    ['alone', 1, []],
    ['whose others do not answer', 1, [undefined, undefined]],
    ['whose others know nothing yet', 1, [0, 0]],
    ['that knows nothing yet', undefined, [2]],
  ])('%s goes on', async (_name, own, others) => {
    await lookOnce(own, others);
  });

  it('ends when the cluster was recovered without it, whoever says so', async () => {
    for (const others of [[2], [1, 2], [undefined, 2]]) {
      await expect(lookOnce(1, others)).rejects.toMatchObject({
        code: 'NOT_IN_CLUSTER',
        hint: expect.stringContaining('gantry node promote'),
      });
    }
  });
});
