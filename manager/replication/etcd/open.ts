/** Opens a replicated log in etcd, and makes it when there is none under its prefix. */
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { GantryError } from '../../../proto/errors.ts';
import type { StoreAddress, StoreFiles } from '../../../proto/store-address.ts';
import type { ReplicatedLog, StateMachine } from '../replicated-log.ts';
import { DEFAULT_SNAPSHOT_LIMITS, type SnapshotLimits } from '../snapshot-policy.ts';
import { EtcdConnection, type EtcdTls } from './connection.ts';
import { EtcdLog } from './etcd-log.ts';
import { Keys } from './keys.ts';
import { DEFAULT_TAIL_LIMITS, type TailLimits } from './tail.ts';
import { type TakePartOptions, takePart } from './take-part.ts';

export interface EtcdOpenOptions extends TakePartOptions {
  readonly address: StoreAddress;
  readonly files: StoreFiles;
  readonly stateMachine: StateMachine;
  readonly logger: Logger;
  readonly onFailure: (error: GantryError) => void;
  /** Called when everything is closed. */
  readonly release?: () => void;
  readonly snapshotLimits?: SnapshotLimits;
  readonly tailLimits?: TailLimits;
  readonly leaseSeconds?: number;
  readonly monotonicMs?: () => number;
}

/** Long enough for etcd to elect a leader of its own without us losing ours; etcd's own minimum is 2 s. */
const LEASE_SECONDS = 5;
/** An etcd member that is slower than this counts as failed. */
const TIMEOUT_MS = 2000;

/**
 * Resolves once the state machine has everything that was ever acknowledged. UNAVAILABLE when etcd can't be reached,
 * WRONG_STATE when the log is another cluster's or has gone, UNSUPPORTED when a newer version has written it, CORRUPT.
 */
export async function openEtcdLog(options: EtcdOpenOptions): Promise<ReplicatedLog> {
  const { address, files, member } = options;
  const tls = address.tls ? readTls(files) : undefined;
  const connection = new EtcdConnection({ endpoints: address.endpoints, tls, timeoutMs: TIMEOUT_MS });
  const keys = new Keys(address.prefix);
  try {
    await takePart(connection, keys, options);
  } catch (error) {
    connection.close();
    throw error;
  }
  const log = new EtcdLog({
    ...options,
    connection,
    keys,
    nodeId: member.id,
    snapshotLimits: options.snapshotLimits ?? DEFAULT_SNAPSHOT_LIMITS,
    tailLimits: options.tailLimits ?? DEFAULT_TAIL_LIMITS,
    leaseSeconds: options.leaseSeconds ?? LEASE_SECONDS,
    monotonicMs: options.monotonicMs ?? (() => performance.now()),
    release: options.release ?? (() => undefined),
  });
  try {
    await log.start();
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
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
