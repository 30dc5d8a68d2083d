/**
 * Keeps managers that a recovery has left behind from going on by themselves. After `cluster recover` or `cluster restore`
 * there is one manager, of the cluster's next incarnation; of those that were lost, a majority may come back and could
 * elect a leader among themselves. So each manager asks the others for their incarnation, first of all when it starts,
 * which is long before an election; one that is of an older incarnation than another forgets its log.
 */
import type { Logger } from 'pino';
import { unary } from '../../proto/client.ts';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import {
  type IncarnationResponse,
  type ManagerPeerClient,
  type ManagerPeerServer,
  ManagerPeerService,
} from '../../proto/generated/gantry/v1/manager.ts';
import { unaryMethod } from '../../proto/server.ts';
import type { Clock } from '../clock.ts';
import type { Member, ReplicatedLog } from '../replication/replicated-log.ts';
import type { ManagerService } from '../service.ts';
import type { Store } from '../store/store.ts';

export interface IncarnationOptions {
  readonly nodeId: string;
  readonly store: Store;
  readonly log: Pick<ReplicatedLog, 'members'>;
  /** A client of the manager at IP:PORT, which is closed here. Throws while this manager has no certificate. */
  readonly connect: (address: string) => ManagerPeerClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

const PERIOD_MS = 10_000;
const ANSWER_TIMEOUT_MS = 3000;

/** For other managers. */
export function incarnationService(store: Store): ManagerService {
  const implementation: ManagerPeerServer = {
    incarnation: unaryMethod(async () => ({ incarnation: incarnationIn(store) ?? 0 })),
  };
  return { definition: ManagerPeerService, implementation, access: 'manager' };
}

/** Until the signal aborts. Throws NOT_IN_CLUSTER when the cluster has gone on without this manager. */
export async function watchIncarnation(options: IncarnationOptions, signal: AbortSignal): Promise<void> {
  const { nodeId, store, log, clock } = options;
  while (!signal.aborted) {
    const others = log.members().filter(({ id, address }) => id !== nodeId && address !== '');
    const answers = await Promise.all(others.map((member) => ask(options, member, signal)));
    const own = incarnationIn(store);
    // Nothing is known yet of a log that has just begun.
    if (own !== undefined && answers.some((incarnation) => incarnation > own)) throw leftBehind();
    await clock.sleep(PERIOD_MS, signal);
  }
}

function incarnationIn(store: Store): number | undefined {
  return store.view((read) => read.find('cluster', { by: 'all' }))[0]?.incarnation;
}

/** 0 when it doesn't answer. */
async function ask(
  { connect, logger }: IncarnationOptions,
  { id, address }: Member,
  signal: AbortSignal,
): Promise<number> {
  let client: ManagerPeerClient | undefined;
  try {
    client = connect(address);
    const peer = client;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
    return (await unary<IncarnationResponse>((done) => peer.incarnation({}, done), limit)).incarnation;
  } catch (error) {
    logger.debug({ peer: id, error: toGantryError(error).message }, 'a manager does not say its incarnation');
    return 0;
  } finally {
    client?.close();
  }
}

function leftBehind(): GantryError {
  return new GantryError('NOT_IN_CLUSTER', 'the cluster was recovered without this manager, whose state is of before', {
    hint: 'its node goes on as a worker; make it a manager again with "gantry node promote"',
  });
}
