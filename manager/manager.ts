/** One manager, put together: the log, the store on it, what it does while it leads, and the servers. */
import { join } from 'node:path';
import { Client } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { parseNodeAddress } from '../proto/address.ts';
import { connectClient } from '../proto/client.ts';
import { GantryError } from '../proto/errors.ts';
import { RaftClient, RaftService } from '../proto/generated/gantry/v1/raft.ts';
import { identityDir } from '../proto/identity-files.ts';
import type { RandomBytes } from '../proto/ids.ts';
import { managerChannelCredentials } from '../proto/tls.ts';
import type { Clock } from './clock.ts';
import { localCaller, remoteCaller } from './forwarding/caller.ts';
import { LeaderRoute } from './forwarding/leader-route.ts';
import { LiveIdentity } from './identity.ts';
import { knownNodes } from './known-nodes.ts';
import { leaderServices } from './leader-services.ts';
import { LeadershipRunner } from './leadership.ts';
import { listenForNodes } from './remote-listener.ts';
import { announceAddress, takeIn } from './replication/join.ts';
import { openReplicatedLog } from './replication/open.ts';
import { raftServer } from './replication/peers/raft-service.ts';
import type { RaftDriver } from './replication/raft-driver.ts';
import { serveSocket } from './server.ts';
import type { ManagerService } from './service.ts';
import { StoreState } from './store/state.ts';
import { Store } from './store/store.ts';

export interface ManagerOptions {
  readonly dataRoot: string;
  readonly nodeId: string;
  /** IP:PORT that other nodes reach this one at; empty: none do. */
  readonly address: string;
  /** IP:PORT of managers that take this one in, if it has no log yet; none: it begins a cluster. */
  readonly join: readonly string[];
  /** Of the unix socket for this host's root. */
  readonly socketPath: string;
  readonly heartbeatPeriodMs: number;
  /** How long a node may be down before its tasks are replaced elsewhere. */
  readonly nodeDownGraceMs: number;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
  /** The log can't go on: the process should end. */
  readonly onFailure: (error: GantryError) => void;
  /** Once the data root is this manager's and its log is read. */
  readonly onOpened: () => Promise<void>;
}

/** Until the signal aborts. Rejects when the log can't be opened, or the socket can't be listened on. */
export async function runManager(options: ManagerOptions, signal: AbortSignal): Promise<void> {
  const { dataRoot, logger } = options;
  const identity = new LiveIdentity(identityDir(dataRoot), logger.child({ component: 'identity' }));
  const state = new StoreState(logger.child({ component: 'store' }));
  identity.watch();
  try {
    const log = await openReplicatedLog(
      {
        ...options,
        dir: join(dataRoot, 'manager'),
        begin: options.join.length === 0 ? { kind: 'alone' } : { kind: 'join', addresses: options.join },
        stateMachine: state,
        connect: (address) => connectManager(RaftClient, address, identity),
        logger: logger.child({ component: 'replication' }),
      },
      signal,
    );
    try {
      await options.onOpened();
      await runOn(log, new Store(state, log, options.clock), identity, options, signal);
    } finally {
      await log.close();
    }
  } finally {
    identity.close();
  }
}

async function runOn(
  log: RaftDriver,
  store: Store,
  identity: LiveIdentity,
  options: ManagerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { logger, clock, nodeId, address, socketPath } = options;
  const leadership = new LeadershipRunner({ ...options, store, log, identity });
  const connect = (leader: string) => connectManager(Client, leader, identity);
  const route = new LeaderRoute({ leadership, log, connect });
  const find = route.find.bind(route);
  const server = await serveSocket(socketPath, leaderServices(leadership, find, localCaller));
  try {
    logger.info({ node: nodeId, index: log.appliedIndex }, 'serving');
    const services = [...leaderServices(leadership, find, remoteCaller), raft(log)];
    const listener = { identity, services, known: knownNodes(store, identity), clock, logger: logger.child({ component: 'listener' }) };
    const parts = [leadership.run(signal)];
    if (address !== '') {
      parts.push(listenForNodes({ ...listener, advertiseAddr: address }, signal), announce(log, identity, options, signal));
    }
    await Promise.all(parts);
  } finally {
    route.close();
    await server.close();
  }
}

function raft(log: RaftDriver): ManagerService {
  const implementation = { ...raftServer(log, (member) => takeIn(log, member)) };
  return { definition: RaftService, implementation, access: 'manager' };
}

function announce(log: RaftDriver, identity: LiveIdentity, options: ManagerOptions, signal: AbortSignal): Promise<void> {
  const { nodeId, address, join: addresses, clock, logger } = options;
  const connect = (manager: string) => connectManager(RaftClient, manager, identity);
  return announceAddress(log, { member: { id: nodeId, address }, addresses, connect, clock, logger }, signal);
}

function connectManager<C>(Service: Parameters<typeof connectClient<C>>[0], address: string, identity: LiveIdentity): C {
  const { current } = identity;
  if (current === undefined) throw new GantryError('UNAVAILABLE', 'this manager has no certificate yet');
  return connectClient(Service, { kind: 'tcp', ...parseNodeAddress(address) }, managerChannelCredentials(current));
}
