/** Puts a newer format of the state in force once every manager reads it. */
import type { Logger } from 'pino';
import { toGantryError } from '../../proto/errors.ts';
import type { Clock } from '../clock.ts';
import type { AskPeers } from '../peer-status.ts';
import type { ReplicatedLog } from '../replication/replicated-log.ts';
import { nextStateFormat, STATE_FORMAT } from './state-format.ts';
import type { Store } from './store.ts';

export interface UpgradeOptions {
  readonly store: Store;
  readonly log: Pick<ReplicatedLog, 'leadership'>;
  readonly askPeers: AskPeers;
  readonly clock: Clock;
  readonly logger: Logger;
}

const PERIOD_MS = 10_000;

/** Until the signal aborts; does something only where the leader is. Never rejects. */
export async function upgradeStateFormat(options: UpgradeOptions, signal: AbortSignal): Promise<void> {
  const { log, clock, logger } = options;
  while (!signal.aborted) {
    try {
      if (log.leadership().isLeader) await upgradeOnce(options, signal);
    } catch (error) {
      logger.info({ error: toGantryError(error).message }, 'the format of the state is not raised yet; trying again');
    }
    await clock.sleep(PERIOD_MS, signal);
  }
}

/** A manager that doesn't answer may read less than the others. */
async function upgradeOnce(options: UpgradeOptions, signal: AbortSignal): Promise<void> {
  const { store, askPeers, logger } = options;
  const inForce = store.view((read) => read.find('cluster', { by: 'all' }))[0]?.stateFormat;
  if (inForce === undefined || inForce >= STATE_FORMAT) return;
  const answers = await askPeers(signal);
  const next = nextStateFormat(inForce, [STATE_FORMAT, ...answers.map((peer) => peer?.stateFormat ?? 0)]);
  if (next === undefined) return;
  await store.update((tx) => {
    const [cluster] = tx.find('cluster', { by: 'all' });
    if (cluster !== undefined && cluster.stateFormat < next) tx.update('cluster', { ...cluster, stateFormat: next });
  });
  logger.info({ format: next }, 'all managers read it: the state has a newer format from now on');
}
