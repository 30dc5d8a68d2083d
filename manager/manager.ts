/** One manager, put together: the log, the store on it, what it does while it leads, and the servers. */
import { Client } from '@grpc/grpc-js';
import { parseNodeAddress } from '../proto/address.ts';
import { callLog } from '../proto/call-log.ts';
import { connectClient } from '../proto/client.ts';
import { GantryError, toGantryError } from '../proto/errors.ts';
import { ManagerPeerClient } from '../proto/generated/gantry/v1/manager.ts';
import { RaftClient, RaftService } from '../proto/generated/gantry/v1/raft.ts';
import { NodeRole } from '../proto/generated/gantry/v1/types.ts';
import { identityDir } from '../proto/identity-files.ts';
import { connectLocally } from '../proto/local-client.ts';
import { RenewableChannelCredentials } from '../proto/tls.ts';
import { renewIfExpired } from './ca/own-certificate.ts';
import { ClientCalls } from './clients/client-calls.ts';
import { LOCAL_MANAGER_PERMISSIONS } from './clients/permissions.ts';
import { leftBehind, watchIncarnation } from './disaster/incarnation.ts';
import { followClusterLock } from './encryption/lock-follower.ts';
import { engineServices } from './engine-services.ts';
import { localCaller, remoteCaller } from './forwarding/caller.ts';
import { LeaderRoute } from './forwarding/leader-route.ts';
import { healthService } from './health.ts';
import { LiveIdentity } from './identity.ts';
import { knownNodes } from './known-nodes.ts';
import { leaderServices } from './leader-services.ts';
import { LeadershipRunner } from './leadership.ts';
import type { ManagerOptions } from './manager-options.ts';
import { logDir, type OpenedLog, openLog } from './open-log.ts';
import { incarnationIn, peerStatusService, peersOf } from './peer-status.ts';
import { listenForNodes } from './remote-listener.ts';
import { type Standing, takeIn } from './replication/join.ts';
import { removeLog } from './replication/log-file.ts';
import { type JoinHandler, type RaftReceiver, raftServer } from './replication/peers/raft-service.ts';
import type { ReplicatedLog } from './replication/replicated-log.ts';
import { stayMember } from './replication/stay-member.ts';
import { serveSocket } from './server.ts';
import type { ManagerService } from './service.ts';
import { StoreState } from './store/state.ts';
import { upgradeStateFormat } from './store/state-format-upgrade.ts';
import { Store } from './store/store.ts';

/** Until the signal aborts. Rejects when the log can't be opened, or the socket can't be listened on. */
export async function runManager(options: ManagerOptions, signal: AbortSignal): Promise<void> {
  const { dataRoot, logger, clock } = options;
  const identity = new LiveIdentity(identityDir(dataRoot), logger.child({ component: 'identity' }));
  const state = new StoreState(logger.child({ component: 'store' }));
  identity.watch();
  try {
    const connect = (address: string) => connectManager(RaftClient, address, identity);
    const opened = await openLog(state, connect, options, signal);
    try {
      const store = new Store(state, opened.log, clock);
      await renewIfExpired({ ...options, store, identity });
      await runOn({ ...opened, identity, store }, options, signal);
    } finally {
      await opened.log.close();
    }
  } finally {
    identity.close();
  }
}

interface Parts extends OpenedLog {
  readonly store: Store;
  readonly identity: LiveIdentity;
}

async function runOn(
  { log, receiver, keys, store, identity }: Parts,
  options: ManagerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { logger, clock, address, socketPath, onFailure } = options;
  const askPeers = peersOf({ ...options, log, connect: (peer) => connectManager(ManagerPeerClient, peer, identity) });
  const leadership = new LeadershipRunner({ ...options, store, log, identity, askPeers, hasKeys: keys !== undefined });
  const route = new LeaderRoute({ leadership, log, connect: (leader) => connectManager(Client, leader, identity) });
  const find = route.find.bind(route);
  const calls = callLog({ logger: logger.child({ component: 'api' }), random: options.random, now: clock.now });
  const gantryd = connectLocally(options.engineSocketPath);
  const local = [...leaderServices(leadership, find, localCaller), healthService(log, keys)];
  const server = await serveSocket(socketPath, local, [calls]);
  try {
    options.metrics.serving({ store, log, sessions: () => leadership.sessions });
    logger.info({ index: log.appliedIndex }, 'serving');
    const health = healthService(log, keys);
    const services: ManagerService[] = [
      ...leaderServices(leadership, find, remoteCaller),
      ...engineServices(gantryd, clock.now),
      { ...health, access: 'client', permissions: LOCAL_MANAGER_PERMISSIONS },
      raft(log, receiver, store),
      peerStatusService(store, identity),
    ];
    const known = knownNodes(store, identity);
    const clients = new ClientCalls({ store, clock });
    const listenerLogger = logger.child({ component: 'listener' });
    const listener = { identity, services, known, clients, clock, interceptors: [calls], logger: listenerLogger };
    const parts = [
      leadership.run(signal),
      clients.run(signal),
      upgradeStateFormat({ ...options, store, log, askPeers }, signal),
      beginAnewIfLeftBehind(watchIncarnation({ ...options, store, askPeers }, signal), options),
    ];
    if (keys !== undefined) {
      // Keys that can't be kept as the cluster wants them are a disk that can't be written.
      const following = followClusterLock({ store, keys, logger }, signal);
      parts.push(following.catch((error: unknown) => onFailure(toGantryError(error))));
    }
    if (address !== '') {
      parts.push(
        listenForNodes({ ...listener, advertiseAddr: address }, signal),
        beginAnewIfLeftBehind(stay(log, store, identity, options, signal), options),
      );
    }
    await Promise.all(parts);
  } finally {
    route.close();
    gantryd.close();
    await server.close();
  }
}

function raft(log: ReplicatedLog, receiver: RaftReceiver, store: Store): ManagerService {
  const join: JoinHandler = (member, incarnation) => takeIn(log, member, () => standing(store, member.id, incarnation));
  return { definition: RaftService, implementation: raftServer(receiver, join), access: 'manager' };
}

/** A certificate may say more than what the cluster has decided since. */
function standing(store: Store, nodeId: string, incarnation: number): Standing {
  const isManager = store.view((read) => read.get('node', nodeId))?.spec.role === NodeRole.MANAGER;
  if (!isManager) return 'no-manager';
  return incarnation > 0 && incarnation < (incarnationIn(store) ?? 0) ? 'left-behind' : 'manager';
}

function stay(
  log: ReplicatedLog,
  store: Store,
  identity: LiveIdentity,
  options: ManagerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { nodeId, address, join: addresses } = options;
  const connect = (manager: string) => connectManager(RaftClient, manager, identity);
  const incarnation = () => incarnationIn(store) ?? 0;
  const member = { id: nodeId, address };
  return stayMember(log, { ...options, member, addresses, connect, incarnation, leftBehind }, signal);
}

/** A manager that the cluster has left behind begins anew, if it is still to be one: the others take it in. */
async function beginAnewIfLeftBehind(watching: Promise<void>, options: ManagerOptions): Promise<void> {
  try {
    await watching;
  } catch (error) {
    if (options.join.length > 0) removeLog(logDir(options));
    options.onFailure(toGantryError(error));
  }
}

function connectManager<C>(
  Service: Parameters<typeof connectClient<C>>[0],
  address: string,
  identity: LiveIdentity,
): C {
  const current = () => {
    if (identity.current !== undefined) return identity.current;
    throw new GantryError('UNAVAILABLE', 'this manager has no certificate yet');
  };
  current();
  return connectClient(Service, parseNodeAddress(address), new RenewableChannelCredentials(current));
}
