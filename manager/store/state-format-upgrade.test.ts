import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { Cluster } from '../../proto/generated/gantry/v1/types.ts';
import { systemClock } from '../clock.ts';
import { clusterType } from './cluster.ts';
import { MemoryLog } from './memory-log.testing.ts';
import { StoreState } from './state.ts';
import { STATE_FORMAT } from './state-format.ts';
import { upgradeStateFormat } from './state-format-upgrade.ts';
import { Store } from './store.ts';

const logger = pino({ level: 'silent' });

/** The format in force after one look of a leader whose peers read these; undefined: doesn't answer. */
async function formatAfter(inForce: number, peers: readonly (number | undefined)[], isLeader = true): Promise<number> {
  const state = new StoreState(logger);
  const log = new MemoryLog('a', state);
  const store = new Store(state, log, systemClock);
  const cluster = clusterType.complete(Cluster.fromPartial({ id: 'c1', stateFormat: inForce }));
  await store.update((tx) => void tx.create('cluster', cluster));
  const over = new AbortController();
  const clock = { ...systemClock, sleep: async () => over.abort() };
  const askPeers = async () =>
    peers.map((stateFormat) =>
      stateFormat === undefined ? undefined : { nodeId: 'b', incarnation: 1, stateFormat, tls: undefined },
    );
  const leadership = () => ({ ...log.leadership(), isLeader });
  await upgradeStateFormat({ store, log: { leadership }, askPeers, clock, logger }, over.signal);
  return store.view((read) => read.get('cluster', 'c1'))?.stateFormat ?? 0;
}

describe('the format of the state is raised', () => {
  it('when every manager reads the newer one, also those of later versions', async () => {
    expect(await formatAfter(1, [STATE_FORMAT, STATE_FORMAT + 1])).toBe(STATE_FORMAT);
    expect(await formatAfter(1, [])).toBe(STATE_FORMAT);
  });

  it('not while one reads only the old one, or does not say, and by nobody but the leader', async () => {
    expect(await formatAfter(1, [STATE_FORMAT, 1])).toBe(1);
    expect(await formatAfter(1, [STATE_FORMAT, undefined])).toBe(1);
    expect(await formatAfter(1, [STATE_FORMAT, STATE_FORMAT], false)).toBe(1);
  });
});
