/** What the operations on containers share: the other parts of the engine, and the containers themselves. */
import type { Logger } from 'pino';
import type { Native } from '../../native/addon/native.ts';
import type { LogLine } from '../../proto/generated/gantry/v1/engine.ts';
import type { ContainerId, RandomBytes } from '../../proto/ids.ts';
import type { SentLogConfig } from '../../proto/log/log-driver.ts';
import type { LogOrigin } from '../../proto/log/sent-log.ts';
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

/** A container whose log's driver sends it on. */
export interface SendingContainer {
  readonly id: ContainerId;
  readonly logPath: string;
  /** Where it is written down how far that is. */
  readonly placePath: string;
  readonly config: SentLogConfig;
  readonly origin: Omit<LogOrigin, 'hostname'>;
  /** Where the shim waits for room: the file that it waits for to be removed. */
  readonly fullPath: string | undefined;
}

/** Sends logs on to the receivers that their drivers name. Nothing of it waits for a receiver. */
export interface LogForwarding {
  /** From where it was. `isRunning`: more may be written. */
  follow(container: SendingContainer, isRunning: boolean): void;
  /** Nothing is written any more, unless it is followed again. */
  end(id: ContainerId): void;
  /** Before the log is removed: what is in it is still sent, as far as the receiver takes it soon. */
  release(id: ContainerId): Promise<void>;
}

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
  readonly native: Pick<Native, 'mount' | 'unmount' | 'mountFrom' | 'spreadSubdirectories' | 'getXattr' | 'listXattr'>;
  readonly readLog: ReadLog;
  readonly logForwarding: LogForwarding;
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
