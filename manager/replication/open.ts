/** Opens this manager's replicated log: begins one, goes on with the one it has, or joins that of others. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import type { RaftClient } from '../../proto/generated/gantry/v1/raft.ts';
import { type Clock, systemClock } from '../clock.ts';
import { type KeyStore, openKeys } from '../encryption/key-store.ts';
import { lockDirectory } from './directory-lock.ts';
import { DurableLog, type LoadedLog, type LogContent } from './durable-log.ts';
import { aloneContent, FIRST_ENTRY, joinedContent } from './first-content.ts';
import { migrateFormat1 } from './format-1.ts';
import { askToJoin } from './join.ts';
import { GrpcTransport } from './peers/grpc-transport.ts';
import type { PeerAddress, Transport } from './peers/transport.ts';
import { RaftDriver } from './raft-driver.ts';
import type { StateMachine } from './replicated-log.ts';
import { DEFAULT_SNAPSHOT_LIMITS, type SnapshotLimits, SnapshotPolicy } from './snapshot-policy.ts';

export type Beginning =
  /** The first of a new cluster. */
  | { readonly kind: 'alone' }
  /** Asks the managers at these addresses, IP:PORT, to take it in. */
  | { readonly kind: 'join'; readonly addresses: readonly string[] }
  /** Has been taken in, and waits to be told the rest. */
  | { readonly kind: 'joined'; readonly members: readonly PeerAddress[] };

export interface OpenOptions {
  /** Made when missing; one process at a time. */
  readonly dir: string;
  readonly nodeId: string;
  /** IP:PORT that other managers reach this one at; empty: they don't. */
  readonly address: string;
  readonly stateMachine: StateMachine;
  /** A client of another manager. */
  readonly connect: (address: string) => RaftClient;
  /** What to do when there is no log yet. */
  readonly begin: Beginning;
  readonly logger: Logger;
  /** The keys of the log in `dir`, opened once it is locked. Left out: refuses a log that wants the unlock key. */
  readonly openKeys?: (dir: string) => Promise<KeyStore>;
  readonly snapshotLimits?: SnapshotLimits;
  readonly clock?: Clock;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** Instead of that over gRPC. */
  readonly transport?: Transport;
  /** Once, when the log can't go on. Left out: thrown where nobody catches it, which ends the process. */
  readonly onFailure?: (error: GantryError) => void;
}

/**
 * Resolves when the log takes part; that of a cluster of one leads by then and has applied all it ever acknowledged.
 * IN_USE when another process has the log, CORRUPT when it is damaged, WRONG_STATE when it is another node's or locked,
 * CANCELLED when the signal aborts before somebody has taken it in.
 */
export async function openReplicatedLog(options: OpenOptions, signal: AbortSignal): Promise<RaftDriver> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const unlock = lockDirectory(options.dir);
  try {
    return await openDriver(options, unlock, signal);
  } catch (error) {
    unlock();
    throw error;
  }
}

async function openDriver(options: OpenOptions, release: () => void, signal: AbortSignal): Promise<RaftDriver> {
  const { nodeId, stateMachine, logger, connect } = options;
  const keys = await (options.openKeys ?? openUnlocked)(options.dir);
  await migrateFormat1(options.dir, keys.sealer);
  const durable = new DurableLog(options.dir, keys.sealer, nodeId);
  try {
    const { storage, members } = await loadOrBegin(durable, options, signal);
    keys.forgetUnused();
    const driver = new RaftDriver({
      ...{ nodeId, stateMachine, storage, durable, logger, release, peers: members },
      policy: new SnapshotPolicy(
        options.snapshotLimits ?? DEFAULT_SNAPSHOT_LIMITS,
        storage.snapshot()?.data.byteLength ?? 0,
      ),
      transport: options.transport ?? new GrpcTransport({ connect, logger }),
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
      onFailure: options.onFailure ?? throwUncaught,
    });
    await driver.start();
    return driver;
  } catch (error) {
    await durable.close();
    throw error;
  }
}

async function openUnlocked(dir: string): Promise<KeyStore> {
  const opened = openKeys(dir, randomBytes);
  if (opened.state === 'unlocked') return opened.keys;
  throw new GantryError('WRONG_STATE', `the log in ${dir} is locked`, {
    hint: 'it can only be read with the unlock key: "gantry cluster unlock"',
  });
}

async function loadOrBegin(durable: DurableLog, options: OpenOptions, signal: AbortSignal): Promise<LoadedLog> {
  const found = await durable.load();
  if (found !== undefined) return found;
  await durable.reset(await firstContent(options, signal));
  const begun = await durable.load();
  if (begun === undefined)
    throw new GantryError('HOST', `cannot make a log in ${options.dir}: what was written is not there`);
  return begun;
}

/** Crash point: until this is written, beginning again changes nothing. */
async function firstContent(options: OpenOptions, signal: AbortSignal): Promise<LogContent> {
  const { begin, nodeId, address, stateMachine, connect, logger, clock = systemClock } = options;
  switch (begin.kind) {
    case 'alone':
      return aloneContent({ id: nodeId, address }, FIRST_ENTRY, await stateMachine.snapshot());
    case 'joined':
      return joinedContent(begin.members);
    case 'join': {
      const asking = { member: { id: nodeId, address }, addresses: begin.addresses, connect, clock, logger };
      const members = await askToJoin(asking, signal);
      if (members === undefined) throw new GantryError('CANCELLED', 'no manager has taken this one in yet');
      return joinedContent(members);
    }
  }
}

function throwUncaught(error: GantryError): void {
  queueMicrotask(() => {
    throw error;
  });
}
