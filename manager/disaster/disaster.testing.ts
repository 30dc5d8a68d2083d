/** A log on disk with the state of a cluster of three managers, and what is in a log. */
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { bootstrap } from '../bootstrap.ts';
import { systemClock } from '../clock.ts';
import { openKeys } from '../encryption/key-store.ts';
import { node, service } from '../objects.testing.ts';
import { aloneOptions } from '../replication/alone.testing.ts';
import { DurableLog } from '../replication/durable-log.ts';
import { openReplicatedLog } from '../replication/open.ts';
import { StoreState } from '../store/state.ts';
import { Store } from '../store/store.ts';

export const logger = pino({ level: 'silent' });

export interface OpenStore {
  readonly store: Store;
  close(): Promise<void>;
}

/** As node1, which must be the only voter. */
export async function openStore(dir: string): Promise<OpenStore> {
  const state = new StoreState(logger);
  const log = await openReplicatedLog(aloneOptions(dir, state), new AbortController().signal);
  return { store: new Store(state, log, systemClock), close: () => log.close() };
}

/** The cluster, managers node1 to node3, worker node4, and a service. */
export async function fill(store: Store): Promise<void> {
  await bootstrap(store, 'node1', randomBytes, Date.now());
  await store.update((tx) => {
    for (const [id, role] of [
      ['node2', NodeRole.MANAGER],
      ['node3', NodeRole.MANAGER],
      ['node4', NodeRole.WORKER],
    ] as const) {
      tx.create('node', { ...node(id), spec: { ...node(id).spec, role } });
    }
    tx.create('service', service('web', { replicas: 3 }));
  });
}

/** Makes the log in `dir` that of one of three voters, which alone can decide nothing. */
export async function addVoters(dir: string): Promise<void> {
  const opened = openKeys(dir, randomBytes);
  if (opened.state === 'locked') throw new Error('locked');
  const durable = new DurableLog(dir, opened.keys.sealer, 'node1');
  const loaded = await durable.load();
  const snapshot = loaded?.storage.snapshot();
  if (loaded === undefined || snapshot === undefined) throw new Error('no log');
  const { storage, members } = loaded;
  const entries = storage.entries(snapshot.index + 1, storage.lastIndex() + 1, Number.POSITIVE_INFINITY);
  const { hardState, configuration } = storage.initialState();
  const three = { ...configuration, voters: ['node1', 'node2', 'node3'] };
  await durable.reset({ hardState, snapshot: { ...snapshot, configuration: three, members }, entries });
  await durable.close();
}
