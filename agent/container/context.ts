/** What the operations on containers share: the other parts of the engine, and the containers themselves. */
import type { Logger } from 'pino';
import type { Native } from '../../native/addon/native.ts';
import type { LogLine } from '../../proto/generated/gantry/v1/engine.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import type { Images, Snapshots } from '../image/images.ts';
import type { AgentMetrics } from '../metrics/agent-metrics.ts';
import type { Networks } from '../network/networks.ts';
import type { Shims } from '../shim/shims.ts';
import type { Volumes } from '../volume/volumes.ts';
import type { CgroupLock } from './cgroup-lock.ts';
import type { ContainerEntry } from './container-entry.ts';
import type { ContainerIndex } from './container-index.ts';
import type { Roots } from './container-paths.ts';
import type { ContainerEvent, LogQuery } from './containers.ts';
import type { RecordStore } from './record-store.ts';
import type { HostFacts } from './spec/host-facts.ts';

/** Lines of a container's log; `ended` resolves when the container won't write any more. */
export type ReadLog = (
  path: string,
  query: LogQuery,
  ended: Promise<void>,
  signal: AbortSignal,
) => AsyncIterable<LogLine>;

export interface ContainerParts {
  readonly roots: Roots;
  /** Program of the init that `init: true` puts before the container's own. */
  readonly initPath: string;
  readonly images: Pick<Images, 'resolve' | 'commit'>;
  readonly snapshots: Snapshots;
  readonly volumes: Volumes;
  readonly networks: Pick<
    Networks,
    'setup' | 'reattach' | 'teardown' | 'recover' | 'unanswered' | 'find' | 'checkAttachment'
  >;
  readonly shims: Shims;
  readonly native: Pick<Native, 'mount' | 'unmount' | 'spreadSubdirectories' | 'getXattr' | 'listXattr'>;
  readonly readLog: ReadLog;
  readonly cgroupLock: Pick<CgroupLock, 'takeEarly'>;
  readonly host: HostFacts;
  /** /proc/sys/kernel/random/boot_id: nothing that ran in another boot is still there. */
  readonly bootId: string;
  readonly random: RandomBytes;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
}

export interface ContainerContext extends ContainerParts {
  readonly index: ContainerIndex;
  readonly store: RecordStore;
  readonly emit: (kind: ContainerEvent['kind'], entry: ContainerEntry) => void;
}
