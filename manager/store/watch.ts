/** Changes of the store as they are committed, in order, through bounded queues. */
import type { ObjectKind, ObjectTypes } from './objects.ts';

export type Change = 'create' | 'update' | 'remove';

/**
 * `object` of a removed one is as it was last; `previous` is undefined for a new one. `revision`: index of the log entry
 * that made the change; what one entry changed is told together.
 */
export type StoreEvent = {
  [K in ObjectKind]: {
    readonly revision: number;
    readonly kind: K;
    readonly change: Change;
    readonly object: ObjectTypes[K];
    readonly previous: ObjectTypes[K] | undefined;
  };
}[ObjectKind];

export interface WatchFilter {
  readonly kinds: readonly ObjectKind[];
  /** Of events of those kinds; all when absent. */
  readonly matches?: (event: StoreEvent) => boolean;
  /** Events kept for a reader that is behind; 65536 when absent. */
  readonly capacity?: number;
  /** Begins with what has changed since then, or with 'lagged' when that isn't known any more. From now on when absent. */
  readonly fromRevision?: number;
}

const DEFAULT_CAPACITY = 65_536;

export class Watch {
  readonly #kinds: ReadonlySet<ObjectKind>;
  readonly #matches: (event: StoreEvent) => boolean;
  readonly #capacity: number;
  readonly #onClose: (watch: Watch) => void;
  #queue: StoreEvent[] = [];
  #lagged: boolean = false;
  #wake: (() => void) | undefined;

  constructor(filter: WatchFilter, onClose: (watch: Watch) => void) {
    this.#kinds = new Set(filter.kinds);
    this.#matches = filter.matches ?? (() => true);
    this.#capacity = filter.capacity ?? DEFAULT_CAPACITY;
    this.#onClose = onClose;
  }

  /**
   * All events since the last call. 'lagged': some were lost, because the reader was too far behind, or the state was
   * replaced by a snapshot, or the watch was to begin too long ago; the reader starts again from a view of the store.
   */
  take(): readonly StoreEvent[] | 'lagged' {
    const events = this.#queue;
    this.#queue = [];
    if (!this.#lagged) return events;
    this.#lagged = false;
    return 'lagged';
  }

  /** Resolves when `take` has something to give, or the signal aborts. One waiter at a time. */
  async changed(signal: AbortSignal): Promise<void> {
    if (this.#queue.length > 0 || this.#lagged || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const settle = () => {
        this.#wake = undefined;
        signal.removeEventListener('abort', settle);
        resolve();
      };
      this.#wake = settle;
      signal.addEventListener('abort', settle, { once: true });
    });
  }

  /** Called by the store on each commit, with all that it changed. */
  publish(events: readonly StoreEvent[]): void {
    for (const event of events) {
      if (this.#kinds.has(event.kind) && this.#matches(event)) this.#queue.push(event);
    }
    if (this.#queue.length > this.#capacity) this.lose();
    else if (this.#queue.length > 0) this.#wake?.();
  }

  /** Called by the store when events can't be told. */
  lose(): void {
    this.#queue = [];
    this.#lagged = true;
    this.#wake?.();
  }

  close(): void {
    this.#onClose(this);
    this.#queue = [];
  }
}
