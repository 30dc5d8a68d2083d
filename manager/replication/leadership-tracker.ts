/** Who leads, as this node sees it: told to whoever listens. */
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import type { Clock } from '../clock.ts';
import type { PeerId } from '../raft/message.ts';
import type { RawNode } from '../raft/raw-node.ts';
import type { Leadership } from './replicated-log.ts';

const TRANSFER_TIMEOUT_MS = 1000;

export interface LeadershipTrackerOptions {
  readonly raw: Pick<RawNode, 'softState' | 'hardState' | 'lastIndex'>;
  readonly appliedIndex: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class LeadershipTracker {
  readonly #options: LeadershipTrackerOptions;
  readonly #listeners = new Set<(leadership: Leadership) => void>();
  /** Index of the entry with which this node's leadership begins; undefined while it doesn't lead. */
  #leadsFrom: number | undefined;
  #current: Leadership;

  constructor(options: LeadershipTrackerOptions) {
    this.#options = options;
    this.#current = this.#observe();
  }

  get current(): Leadership {
    return this.#current;
  }

  /** Returns the unsubscribe function. */
  listen(listener: (leadership: Leadership) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks again, after the core has come further. `onLost` is called before anybody hears that this node leads no more. */
  update(onLost: () => void): void {
    const { softState, lastIndex } = this.#options.raw;
    if (softState.role !== 'leader') this.#leadsFrom = undefined;
    else this.#leadsFrom ??= lastIndex;
    const leadership = this.#observe();
    const { isLeader, leaderId, term } = this.#current;
    if (leadership.isLeader === isLeader && leadership.leaderId === leaderId && leadership.term === term) return;
    if (isLeader && !leadership.isLeader) onLost();
    this.#tell(leadership);
  }

  /** Nothing more will be heard here. */
  end(): void {
    this.#tell({ isLeader: false, leaderId: undefined, term: this.#current.term });
  }

  /** Rejects with UNAVAILABLE when the target doesn't lead in time. */
  whenLeads(target: PeerId, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const unsubscribe = this.listen(({ leaderId }) => {
      if (leaderId === target) resolve();
    });
    void this.#options.clock.sleep(TRANSFER_TIMEOUT_MS, signal).then(() => {
      reject(new GantryError('UNAVAILABLE', `manager ${target} did not take over the leadership in time`));
    });
    return promise.finally(unsubscribe);
  }

  #tell(leadership: Leadership): void {
    this.#current = leadership;
    this.#options.logger.info(leadership, 'leadership changed');
    for (const listener of [...this.#listeners]) listener(leadership);
  }

  /** Leading counts from the moment on at which everything that earlier leaders committed is applied. */
  #observe(): Leadership {
    const { raw, appliedIndex } = this.#options;
    const { leader } = raw.softState;
    const isLeader = this.#leadsFrom !== undefined && appliedIndex() >= this.#leadsFrom;
    return { isLeader, leaderId: leader === '' ? undefined : leader, term: raw.hardState.term };
  }
}
