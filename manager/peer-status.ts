/** What managers ask each other beside their log. */
import type { Logger } from 'pino';
import { unary } from '../proto/client.ts';
import { toGantryError } from '../proto/errors.ts';
import {
  type ManagerPeerClient,
  type ManagerPeerServer,
  ManagerPeerService,
  type PeerStatusResponse,
} from '../proto/generated/gantry/v1/manager.ts';
import { tlsOf } from '../proto/root-certificates.ts';
import { unaryMethod } from '../proto/server.ts';
import type { LiveIdentity } from './identity.ts';
import type { Member, ReplicatedLog } from './replication/replicated-log.ts';
import type { ManagerService } from './service.ts';
import { STATE_FORMAT } from './store/state-format.ts';
import type { Store } from './store/store.ts';

const ANSWER_TIMEOUT_MS = 3000;

/** For other managers. */
export function peerStatusService(store: Store, identity: Pick<LiveIdentity, 'current'>): ManagerService {
  const implementation: ManagerPeerServer = {
    status: unaryMethod(async () => ({
      incarnation: incarnationIn(store) ?? 0,
      stateFormat: STATE_FORMAT,
      tls: identity.current && tlsOf(identity.current),
    })),
  };
  return { definition: ManagerPeerService, implementation, access: 'manager' };
}

/** Undefined in a log that has just begun. */
export function incarnationIn(store: Store): number | undefined {
  return store.view((read) => read.find('cluster', { by: 'all' }))[0]?.incarnation;
}

export interface PeerOptions {
  readonly nodeId: string;
  readonly log: Pick<ReplicatedLog, 'members'>;
  /** A client of the manager at IP:PORT, which is closed here. Throws while this manager has no certificate. */
  readonly connect: (address: string) => ManagerPeerClient;
  readonly logger: Logger;
}

/** What each of the other members says now; undefined for one that doesn't answer. */
export type AskPeers = (signal: AbortSignal) => Promise<readonly (PeerStatus | undefined)[]>;

export interface PeerStatus extends PeerStatusResponse {
  readonly nodeId: string;
}

export function peersOf(options: PeerOptions): AskPeers {
  return (signal) => {
    const others = options.log.members().filter(({ id }) => id !== options.nodeId);
    return Promise.all(others.map((member) => ask(options, member, signal)));
  };
}

async function ask(
  { connect, logger }: PeerOptions,
  { id, address }: Member,
  signal: AbortSignal,
): Promise<PeerStatus | undefined> {
  let client: ManagerPeerClient | undefined;
  try {
    client = connect(address);
    const { status } = client;
    const call = status.bind(client);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
    return { nodeId: id, ...(await unary<PeerStatusResponse>((done) => call({}, done), limit)) };
  } catch (error) {
    logger.debug({ peer: id, error: toGantryError(error).message }, 'a manager does not answer');
    return undefined;
  } finally {
    client?.close();
  }
}
