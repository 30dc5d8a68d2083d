/** What the API's methods work with. */
import type { Logger } from 'pino';
import type { RandomBytes } from '../../proto/ids.ts';
import type { Clock } from '../clock.ts';
import type { EngineCalls } from '../dispatcher/dispatcher.ts';
import type { ImageHolders } from '../images/node-images.ts';
import type { ReplicatedLog } from '../replication/replicated-log.ts';
import type { Store } from '../store/store.ts';
import type { UsedRanges } from './used-ranges.ts';

export interface ApiContext {
  readonly store: Store;
  readonly log: Pick<ReplicatedLog, 'members' | 'readBarrier' | 'removeMember'>;
  readonly engines: EngineCalls;
  /** Which nodes have which images. */
  readonly images: ImageHolders;
  /** What the nodes have said of their hosts' addresses. */
  readonly usedRanges: UsedRanges;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
  /** The node that this manager runs on. */
  readonly nodeId: string;
  leaderNodeId(): string;
  /** Whether the managers seal their logs with keys of their own: only then is there something to lock. */
  readonly hasKeys: boolean;
  /** Aborts when this manager doesn't lead any more. */
  readonly termOver: AbortSignal;
}
