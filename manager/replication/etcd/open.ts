/** Opens a replicated log in etcd, and makes it when there is none under its prefix. */
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { GantryError } from '../../../proto/errors.ts';
import { parseStoreAddress, type StoreFiles } from '../../../proto/store-address.ts';
import type { ReplicatedLog, StateMachine } from '../replicated-log.ts';
import { DEFAULT_SNAPSHOT_LIMITS, type SnapshotLimits } from '../snapshot-policy.ts';
import { EtcdConnection, type EtcdTls } from './connection.ts';
import { EtcdLog } from './etcd-log.ts';
import { Keys } from './keys.ts';
import { notMember } from './membership.ts';
import { isMissing, put } from './operations.ts';
import { DEFAULT_TAIL_LIMITS, type TailLimits } from './tail.ts';

export interface EtcdOpenOptions {
  /** See parseStoreAddress. */
  readonly store: string;
  readonly storeFiles: StoreFiles;
  readonly nodeId: string;
  /** IP:PORT of this manager: for the first one, which makes the log. */
  readonly address: string;
  readonly stateMachine: StateMachine;
  readonly logger: Logger;
  readonly onFailure: (error: GantryError) => void;
  readonly snapshotLimits?: SnapshotLimits;
  readonly tailLimits?: TailLimits;
  readonly leaseSeconds?: number;
  readonly monotonicMs?: () => number;
}

const FORMAT_VERSION = 1;
/** Long enough for etcd to elect a leader of its own without us losing ours; etcd's own minimum is 2 s. */
const LEASE_SECONDS = 5;
/** An etcd member that is slower than this counts as failed. */
const TIMEOUT_MS = 2000;

/**
 * Resolves once the state machine has everything that was ever acknowledged. UNAVAILABLE when etcd can't be reached,
 * WRONG_STATE when the log is another cluster's, UNSUPPORTED when a newer version has written it, CORRUPT.
 */
export async function openEtcdLog(options: EtcdOpenOptions): Promise<ReplicatedLog> {
  const { endpoints, prefix, tls } = parseStoreAddress(options.store);
  const connection = new EtcdConnection({
    endpoints,
    tls: tls ? readTls(options.storeFiles) : undefined,
    timeoutMs: TIMEOUT_MS,
  });
  const keys = new Keys(prefix);
  try {
    await makeOrCheck(connection, keys, options);
  } catch (error) {
    connection.close();
    throw error;
  }
  const log = new EtcdLog({
    ...options,
    connection,
    keys,
    snapshotLimits: options.snapshotLimits ?? DEFAULT_SNAPSHOT_LIMITS,
    tailLimits: options.tailLimits ?? DEFAULT_TAIL_LIMITS,
    leaseSeconds: options.leaseSeconds ?? LEASE_SECONDS,
    monotonicMs: options.monotonicMs ?? (() => performance.now()),
  });
  try {
    await log.start();
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}

async function makeOrCheck(
  connection: EtcdConnection,
  keys: Keys,
  { nodeId, address }: EtcdOpenOptions,
): Promise<void> {
  if ((await connection.get(keys.format)) === undefined) {
    await connection.txn({
      compare: [isMissing(keys.format)],
      success: [put(keys.format, String(FORMAT_VERSION)), put(keys.end, '0'), put(keys.member(nodeId), address)],
    });
  }
  const version = Number((await connection.get(keys.format))?.value);
  if (version !== FORMAT_VERSION) {
    throw new GantryError(
      'UNSUPPORTED',
      `the log in ${connection.name} has format ${version}, which this version does not know`,
      {
        hint: 'run the newer version of gantryd that wrote it',
      },
    );
  }
  if ((await connection.get(keys.member(nodeId))) === undefined) throw notMember(nodeId, connection.name);
}

function readTls({ ca, cert, key }: StoreFiles): EtcdTls {
  return { ca: readPem(ca), cert: cert === '' ? undefined : readPem(cert), key: key === '' ? undefined : readPem(key) };
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new GantryError('INVALID_ARGUMENT', `cannot read ${path}, which is to show etcd who this manager is`, {
      hint: 'see --store-ca, --store-cert and --store-key',
      cause: error,
    });
  }
}
