/** What a manager is started with. */
import type { Logger } from 'pino';
import type { GantryError } from '../proto/errors.ts';
import type { RandomBytes } from '../proto/ids.ts';
import type { StoreFiles } from '../proto/store-address.ts';
import type { Clock } from './clock.ts';
import type { ManagerMetrics } from './metrics/manager-metrics.ts';

export interface ManagerOptions {
  readonly dataRoot: string;
  readonly nodeId: string;
  /** IP:PORT that other nodes reach this one at; empty: none do. */
  readonly address: string;
  /** IP:PORT of managers that take this one in, if it has no log yet; none: it begins a cluster. */
  readonly join: readonly string[];
  /** Of the etcd cluster that has the log, see parseStoreAddress; empty: the managers have it themselves. */
  readonly storeAddress: string;
  readonly storeFiles: StoreFiles;
  /** Of the unix socket for this host's root. */
  readonly socketPath: string;
  /** Of the unix socket that this host's gantryd answers for it. */
  readonly engineSocketPath: string;
  readonly heartbeatPeriodMs: number;
  /** How long a node may be down before its tasks are replaced elsewhere. */
  readonly nodeDownGraceMs: number;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
  readonly metrics: ManagerMetrics;
  /** The log can't go on: the process should end. */
  readonly onFailure: (error: GantryError) => void;
  /** Once it is known that no other manager runs on this data root. */
  readonly onLocked: () => Promise<void>;
}
