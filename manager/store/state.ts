/**
 * The replicated state machine: objects as the log's committed entries made them.
 *
 * An entry is a StoreTransaction. Each of its actions names the version its author saw; if one doesn't hold any
 * more the whole transaction changes nothing. Every node decides that alike, from the entry and the state alone.
 */
import type { Logger } from 'pino';
import { type StoreAction, StoreActionKind, StoreTransaction } from '../../proto/generated/gantry/v1/store.ts';
import type { StateMachine } from '../replication/replicated-log.ts';
import { DEFAULT_HISTORY_LIMITS, History, type HistoryLimits } from './history.ts';
import { type AnyObject, fromWire } from './objects.ts';
import { SharedParts } from './shared-parts.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';
import { checkStateFormat, OLDEST_STATE_FORMAT } from './state-format.ts';
import { type ReadTransaction, Tables } from './tables.ts';
import { type Change, type StoreEvent, Watch, type WatchFilter } from './watch.ts';

/** Rejections are asked for right after the entry was applied; older ones interest nobody. */
const REJECTIONS_KEPT = 1024;

export class StoreState implements StateMachine {
  readonly #logger: Logger;
  readonly #watches = new Set<Watch>();
  readonly #rejections = new Map<number, string>();
  readonly #shared = new SharedParts();
  readonly #history: History;
  #tables = new Tables();

  constructor(logger: Logger, historyLimits: HistoryLimits = DEFAULT_HISTORY_LIMITS) {
    this.#logger = logger;
    this.#history = new History(historyLimits);
  }

  /** The state as committed. Valid until the caller awaits. */
  get committed(): ReadTransaction {
    return this.#tables;
  }

  /** Throws UNSUPPORTED at the entry from which on only newer versions know what entries mean. */
  apply(index: number, data: Uint8Array): void {
    const outcome = this.#applyTransaction(index, data);
    if (typeof outcome === 'string') {
      this.#reject(index, outcome);
      return;
    }
    for (const { kind, object } of outcome) {
      if (kind === 'cluster') checkStateFormat(`from entry ${index} on the cluster's state has`, object.stateFormat);
    }
    this.#tables.keep();
    this.#history.add(index, outcome, data.byteLength);
    for (const watch of this.#watches) watch.publish(outcome);
  }

  /** Why the entry at this index changed nothing; undefined when it was applied. */
  rejection(index: number): string | undefined {
    return this.#rejections.get(index);
  }

  snapshot(): Promise<Uint8Array> {
    const [cluster] = this.#tables.find('cluster', { by: 'all' });
    return encodeSnapshot(cluster?.stateFormat ?? OLDEST_STATE_FORMAT, this.#tables.cut());
  }

  async restore(index: number, data: Uint8Array): Promise<void> {
    this.#tables = await decodeSnapshot(index, data, this.#shared);
    this.#history.begin(index);
    for (const watch of this.#watches) watch.lose();
  }

  watch(filter: WatchFilter): Watch {
    const watch = new Watch(filter, (closed) => this.#watches.delete(closed));
    this.#watches.add(watch);
    if (filter.fromRevision === undefined) return watch;
    const missed = this.#history.after(filter.fromRevision);
    if (missed === undefined) watch.lose();
    else watch.publish(missed);
    return watch;
  }

  /**
   * Lets `change` work on the tables and takes back all it did before anybody else can look: no await may lie
   * in between. This is how the leader sees what a transaction would make of the state.
   */
  tentatively<R>(change: (tables: Tables) => R): R {
    const mark = this.#tables.mark();
    try {
      return change(this.#tables);
    } finally {
      this.#tables.undoTo(mark);
    }
  }

  /** The events of an applied transaction, or why it was refused. */
  #applyTransaction(index: number, data: Uint8Array): StoreEvent[] | string {
    const mark = this.#tables.mark();
    const events: StoreEvent[] = [];
    for (const action of decodeActions(data)) {
      const outcome = this.#applyAction(index, action);
      if (typeof outcome === 'string') {
        this.#tables.undoTo(mark);
        return outcome;
      }
      events.push(outcome);
    }
    // After all actions, since one of them may free the name that another takes.
    const clash = events.find((event) => event.change !== 'remove' && !this.#hasUniqueName(event));
    if (clash === undefined) return events;
    this.#tables.undoTo(mark);
    return `name of ${clash.kind} ${clash.object.id} is taken`;
  }

  #applyAction(index: number, action: StoreAction | undefined): StoreEvent | string {
    const target = fromWire(action?.target, this.#shared);
    if (action === undefined || target === undefined) return 'the entry is no transaction that this version knows';
    const { kind } = target;
    const existing = this.#tables.get(kind, target.object.id);
    const found = existing?.meta.version ?? 0;
    const expected = target.object.meta.version;
    if (found !== expected) return `${kind} ${target.object.id} is at version ${found}, not ${expected}`;
    if (action.kind === StoreActionKind.REMOVE) {
      const removed = this.#tables.remove(kind, target.object.id);
      if (removed === undefined) return `${kind} ${target.object.id} does not exist`;
      return { revision: index, kind, change: 'remove', object: removed, previous: removed } as StoreEvent;
    }
    const createdVersion = existing?.meta.createdVersion ?? index;
    const meta = Object.freeze({ ...target.object.meta, version: index, createdVersion });
    const object = Object.freeze({ ...target.object, id: existing?.id ?? target.object.id, meta });
    const previous = this.#tables.put(kind, object as never);
    const change: Change = previous === undefined ? 'create' : 'update';
    return { revision: index, kind, change, object, previous } as StoreEvent;
  }

  #hasUniqueName(target: AnyObject): boolean {
    return this.#tables.hasUniqueName(target.kind, target.object as never);
  }

  #reject(index: number, reason: string): void {
    this.#logger.info({ index, reason }, 'transaction refused');
    this.#rejections.set(index, reason);
    const oldest = this.#rejections.keys().next().value;
    if (this.#rejections.size > REJECTIONS_KEPT && oldest !== undefined) this.#rejections.delete(oldest);
  }
}

/** One undefined action for bytes that are no transaction: apply must refuse them, not throw. */
function decodeActions(data: Uint8Array): readonly (StoreAction | undefined)[] {
  try {
    return StoreTransaction.decode(data).actions;
  } catch {
    return [undefined];
  }
}
