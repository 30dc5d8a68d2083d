/**
 * The lifecycle that all loops share: look at everything once, then at what commits concern, in one transaction
 * per turn. Loops are level-triggered: a key is brought in line with what the store says now, whatever happened
 * before, so that a manager that was killed at any point goes on where it was.
 */
import type { Logger } from 'pino';
import { toGantryError } from '../proto/errors.ts';
import type { Clock } from './clock.ts';
import type { ManagerMetrics } from './metrics/manager-metrics.ts';
import type { ObjectKind } from './store/objects.ts';
import type { Store } from './store/store.ts';
import type { ReadTransaction } from './store/tables.ts';
import type { WriteTransaction } from './store/transaction.ts';
import type { StoreEvent } from './store/watch.ts';
import type { Turns } from './turns.ts';

export interface ControlLoop {
  readonly name: string;
  readonly kinds: readonly ObjectKind[];
  /** All keys there are: what the loop starts with. */
  allKeys(read: ReadTransaction): Iterable<string>;
  /** The keys that a change concerns. */
  keysOf(event: StoreEvent, read: ReadTransaction): Iterable<string>;
  /**
   * Brings one key in line, or a step nearer to it: everybody else waits meanwhile. Returns the time (milliseconds since
   * the epoch) at which to look again although nothing has changed by then, or undefined.
   */
  reconcile(tx: WriteTransaction, key: string, nowMs: number): number | undefined;
}

export interface LoopContext {
  readonly store: Store;
  readonly clock: Clock;
  /** Shared by all that take a while when there is much to do. */
  readonly turns: Turns;
  readonly logger: Logger;
  readonly metrics: Pick<ManagerMetrics, 'loopFailed'>;
}

/** Keys in one transaction; what it changes, and how long it computes, before it takes no more of them. */
const MAX_KEYS = 100;
const MAX_OBJECTS = 500;
const MAX_TURN_MS = 10;
const RETRY_MS = 100;
/** Made once: an abort without a reason makes one, with a stack, at each turn of each loop. */
const TURN_OVER = new Error('the turn is over');
const RETRY_AFTER_DEFECT_MS = 5000;

export async function runControlLoop(loop: ControlLoop, context: LoopContext, signal: AbortSignal): Promise<void> {
  const { store, clock, turns } = context;
  const watch = store.watch({ kinds: loop.kinds });
  const dirty = new Set(store.view((read) => [...loop.allKeys(read)]));
  const due = new Map<string, number>();
  try {
    while (!signal.aborted) {
      await reconcileSome(loop, context, dirty, due);
      // Turns that change nothing take no time on the disk, in which others could do their work.
      if (dirty.size > 0) await turns.next();
      else await changedOrDue(watch.changed.bind(watch), clock, due, signal);
      await noteChanges(loop, context, watch.take(), dirty);
      for (const [key, timeMs] of due) if (timeMs <= clock.now()) dirty.add(key);
    }
  } finally {
    watch.close();
  }
}

/** Marks the keys that the events concern; many events, or one of a large node, may concern very many. */
async function noteChanges(
  loop: ControlLoop,
  { store, clock, turns }: LoopContext,
  events: readonly StoreEvent[] | 'lagged',
  dirty: Set<string>,
): Promise<void> {
  const mark = (keys: Iterable<string>) => {
    for (const key of keys) dirty.add(key);
  };
  if (events === 'lagged') return store.view((read) => mark(loop.allKeys(read)));
  let beginMs = clock.now();
  for (const event of events) {
    store.view((read) => mark(loop.keysOf(event, read)));
    if (clock.now() - beginMs < MAX_TURN_MS) continue;
    await turns.next();
    beginMs = clock.now();
  }
}

/** Reconciles some of the dirty keys; those it couldn't come back later. */
async function reconcileSome(
  loop: ControlLoop,
  context: LoopContext,
  dirty: Set<string>,
  due: Map<string, number>,
): Promise<void> {
  const { store, clock, logger, metrics } = context;
  const keys = [...dirty.values().take(MAX_KEYS)];
  if (keys.length === 0) return;
  for (const key of keys) {
    dirty.delete(key);
    due.delete(key);
  }
  try {
    const times = await store.update((tx) => reconcileUntilFull(loop, tx, keys, clock));
    for (const [key, timeMs] of times) if (timeMs !== undefined) due.set(key, timeMs);
    for (const key of keys.slice(times.length)) dirty.add(key);
  } catch (thrown) {
    const error = toGantryError(thrown);
    metrics.loopFailed(loop.name, error.code);
    logger[error.temporary ? 'debug' : 'error']({ err: thrown, loop: loop.name, keys }, 'loop could not reconcile');
    // One bad key must not hold up the others: from now on each goes alone until it succeeds.
    const again = clock.now() + (error.temporary ? RETRY_MS : RETRY_AFTER_DEFECT_MS);
    if (keys.length === 1 || error.temporary) for (const key of keys) due.set(key, again);
    else for (const key of keys) await reconcileSome(loop, context, new Set([key]), due);
  }
}

/** When to look again at each key that had its turn: the first ones. */
function reconcileUntilFull(
  loop: ControlLoop,
  tx: WriteTransaction,
  keys: readonly string[],
  clock: Clock,
): (readonly [key: string, timeMs: number | undefined])[] {
  const times: (readonly [string, number | undefined])[] = [];
  const before = tx.size;
  const nowMs = clock.now();
  for (const key of keys) {
    times.push([key, loop.reconcile(tx, key, nowMs)]);
    if (tx.size - before >= MAX_OBJECTS || clock.now() - nowMs >= MAX_TURN_MS) break;
  }
  return times;
}

async function changedOrDue(
  changed: (signal: AbortSignal) => Promise<void>,
  clock: Clock,
  due: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const turn = new AbortController();
  const either = AbortSignal.any([signal, turn.signal]);
  const next = due.values().reduce((earliest, timeMs) => Math.min(earliest, timeMs), Number.POSITIVE_INFINITY);
  const waits = [changed(either)];
  if (next !== Number.POSITIVE_INFINITY) waits.push(clock.sleep(next - clock.now(), either));
  await Promise.race(waits);
  turn.abort(TURN_OVER);
}
