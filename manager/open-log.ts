/** Opens this manager's log where the cluster keeps it: with the managers themselves, by Raft, or in an etcd cluster. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '../proto/errors.ts';
import type { RaftClient } from '../proto/generated/gantry/v1/raft.ts';
import { parseStoreAddress, type StoreAddress } from '../proto/store-address.ts';
import type { KeyStore } from './encryption/key-store.ts';
import { openKeysOrWait } from './locked.ts';
import type { ManagerOptions } from './manager-options.ts';
import { lockDirectory } from './replication/directory-lock.ts';
import { readKnownLog, rememberLog } from './replication/etcd/known-log.ts';
import { askToJoin } from './replication/join.ts';
import { LOG_FILE } from './replication/log-file.ts';
import { openReplicatedLog } from './replication/open.ts';
import type { RaftReceiver } from './replication/peers/raft-service.ts';
import type { ReplicatedLog, StateMachine } from './replication/replicated-log.ts';

export interface OpenedLog {
  readonly log: ReplicatedLog;
  /** What other managers' Raft sends. */
  readonly receiver: RaftReceiver;
  /** That the log is sealed with; undefined: it is in etcd, which sees to that itself. */
  readonly keys: KeyStore | undefined;
}

/** A client of another manager. */
export type ConnectRaft = (address: string) => RaftClient;

/** See `openReplicatedLog` and `openEtcdLog`. WRONG_STATE when this node's log is elsewhere than it was. */
export async function openLog(
  stateMachine: StateMachine,
  connect: ConnectRaft,
  options: ManagerOptions,
  signal: AbortSignal,
): Promise<OpenedLog> {
  const { storeAddress } = options;
  if (storeAddress !== '') return openInEtcd(parseStoreAddress(storeAddress), stateMachine, connect, options, signal);
  if (readKnownLog(logDir(options)) !== undefined) {
    throw new GantryError('WRONG_STATE', "this manager's cluster has its log in etcd, and no store is given", {
      hint: 'give gantryd the same --store as before; "gantry cluster leave --force" gives the cluster up',
    });
  }
  return openByRaft(stateMachine, connect, options, signal);
}

/** Of what this manager keeps of the log on its own disk. */
export function logDir({ dataRoot }: Pick<ManagerOptions, 'dataRoot'>): string {
  return join(dataRoot, 'manager');
}

async function openByRaft(
  stateMachine: StateMachine,
  connect: ConnectRaft,
  options: ManagerOptions,
  signal: AbortSignal,
): Promise<OpenedLog> {
  const { join: addresses, onLocked } = options;
  const opened = Promise.withResolvers<KeyStore>();
  const openKeys = async (dir: string) => {
    await onLocked();
    const keys = await openKeysOrWait(dir, options, signal);
    opened.resolve(keys);
    return keys;
  };
  const log = await openReplicatedLog(
    {
      ...options,
      ...{ stateMachine, openKeys, connect },
      dir: logDir(options),
      begin: addresses.length === 0 ? { kind: 'alone' } : { kind: 'join', addresses },
      logger: options.logger.child({ component: 'replication' }),
      random: Math.random,
    },
    signal,
  );
  return { log, receiver: log, keys: await opened.promise };
}

async function openInEtcd(
  address: StoreAddress,
  stateMachine: StateMachine,
  connect: ConnectRaft,
  options: ManagerOptions,
  signal: AbortSignal,
): Promise<OpenedLog> {
  const dir = logDir(options);
  if (existsSync(join(dir, LOG_FILE))) {
    throw new GantryError('WRONG_STATE', `this manager's cluster has its log in ${dir}, not in etcd`, {
      hint: 'where the log is, is chosen with the cluster: go on without --store, or "gantry cluster leave --force" first',
    });
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const release = lockDirectory(dir);
  try {
    await options.onLocked();
    // Only now: who doesn't use etcd doesn't pay for its client.
    const { openEtcdLog } = await import('./replication/etcd/open.ts');
    const { nodeId, address: ownAddress, join: addresses, clock, storeFiles: files } = options;
    const member = { id: nodeId, address: ownAddress };
    const logger = options.logger.child({ component: 'replication' });
    const ask = async () => {
      if ((await askToJoin({ member, addresses, connect, clock, logger }, signal)) !== undefined) return;
      throw new GantryError('CANCELLED', 'no manager has taken this one in yet');
    };
    const log = await openEtcdLog({
      ...options,
      ...{ address, files, member, stateMachine, logger, release },
      begin: addresses.length === 0 ? { kind: 'alone' } : { kind: 'join', askToJoin: ask },
      knownId: readKnownLog(dir),
      onKnown: (id) => rememberLog(dir, id),
    });
    return { log, receiver: noRaft, keys: undefined };
  } catch (error) {
    release();
    throw error;
  }
}

const noRaft: RaftReceiver = {
  receive: () => {
    throw noRaftHere();
  },
  receiveSnapshot: () => Promise.reject(noRaftHere()),
};

function noRaftHere(): GantryError {
  return new GantryError('WRONG_STATE', "this manager's cluster has its log in etcd, and takes no messages of Raft", {
    hint: 'give all managers of a cluster the same --store',
  });
}
