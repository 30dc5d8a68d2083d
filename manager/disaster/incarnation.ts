/**
 * Keeps managers that a recovery has left behind from going on by themselves. After `cluster recover` or `cluster restore`
 * there is one manager, of the cluster's next incarnation; of those that were lost, a majority may come back and could
 * elect a leader among themselves. So each manager asks the others for their incarnation, first of all when it starts,
 * which is long before an election; one that is of an older incarnation than another must not go on.
 */
import { GantryError } from '../../proto/errors.ts';
import type { Clock } from '../clock.ts';
import { type AskPeers, incarnationIn } from '../peer-status.ts';
import type { Store } from '../store/store.ts';

export interface IncarnationOptions {
  readonly store: Store;
  readonly askPeers: AskPeers;
  readonly clock: Clock;
}

const PERIOD_MS = 10_000;

/** Until the signal aborts. Throws NOT_IN_CLUSTER when the cluster has gone on without this manager. */
export async function watchIncarnation(
  { store, askPeers, clock }: IncarnationOptions,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const answers = await askPeers(signal);
    const own = incarnationIn(store);
    // Nothing is known yet of a log that has just begun.
    if (own !== undefined && answers.some((peer) => peer !== undefined && peer.incarnation > own)) throw leftBehind();
    await clock.sleep(PERIOD_MS, signal);
  }
}

export function leftBehind(): GantryError {
  return new GantryError('NOT_IN_CLUSTER', 'the cluster was recovered without this manager, whose state is of before', {
    hint: 'its node goes on as a worker; make it a manager again with "gantry node promote"',
  });
}
