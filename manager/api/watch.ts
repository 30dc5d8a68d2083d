/** Watch: the present state, then every change. */
import { GantryError } from '../../proto/errors.ts';
import { type WatchEvent, type WatchRequest, ObjectKind as WireKind } from '../../proto/generated/gantry/v1/control.ts';
import { STACK_LABEL } from '../store/object-type.ts';
import type { AnyObject } from '../store/objects.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { ApiContext } from './context.ts';

const WATCHABLE = ['node', 'network', 'service', 'task'] as const;
type WatchableKind = (typeof WATCHABLE)[number];
type Watchable = AnyObject & { readonly kind: WatchableKind };

const WIRE_KINDS: Readonly<Record<WatchableKind, WireKind>> = {
  node: WireKind.NODE,
  network: WireKind.NETWORK,
  service: WireKind.SERVICE,
  task: WireKind.TASK,
};

/** Throws UNSUPPORTED for kinds that can't be watched, UNAVAILABLE when the client is too slow. */
export async function* watch(
  { store }: ApiContext,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent, void, undefined> {
  const kinds = kindsOf(request);
  const inStack = (target: AnyObject) => request.stack === '' || stackIn(target) === request.stack;
  const changes = store.watch({ kinds, matches: inStack });
  try {
    // No await since the watch began: nothing is missed and nothing comes twice.
    const present = store.view((read) => kinds.flatMap((kind) => objectsOf(read, kind)));
    for (const target of present.filter(inStack)) yield toEvent(target, false);
    yield { kind: WireKind.UNSPECIFIED, removed: false, object: undefined, synced: true };
    while (!signal.aborted) {
      await changes.changed(signal);
      const events = changes.take();
      if (events === 'lagged') throw new GantryError('UNAVAILABLE', 'watch: the client fell behind; watch again');
      for (const event of events) {
        if (isWatchable(event)) yield toEvent(event, event.change === 'remove');
      }
    }
  } finally {
    changes.close();
  }
}

function kindsOf(request: WatchRequest): WatchableKind[] {
  if (request.kinds.length === 0) return [...WATCHABLE];
  return request.kinds.map((wire) => {
    const kind = WATCHABLE.find((candidate) => WIRE_KINDS[candidate] === wire);
    if (kind !== undefined) return kind;
    throw new GantryError('UNSUPPORTED', `watch: objects of kind ${wire} can't be watched`, {
      hint: 'watch nodes, networks, services or tasks',
    });
  });
}

function objectsOf(read: ReadTransaction, kind: WatchableKind): Watchable[] {
  return read.find(kind, { by: 'all' }).map((object) => ({ kind, object }) as Watchable);
}

function isWatchable(target: AnyObject): target is Watchable {
  return target.kind in WIRE_KINDS;
}

function stackIn(target: AnyObject): string | undefined {
  if (target.kind === 'task') return target.object.serviceLabels[STACK_LABEL];
  return target.object.spec.annotations.labels[STACK_LABEL];
}

function toEvent(target: Watchable, removed: boolean): WatchEvent {
  const kind = WIRE_KINDS[target.kind];
  switch (target.kind) {
    case 'node':
      return { kind, removed, synced: false, object: { $case: 'node', value: target.object } };
    case 'network':
      return { kind, removed, synced: false, object: { $case: 'network', value: target.object } };
    case 'service':
      return { kind, removed, synced: false, object: { $case: 'service', value: target.object } };
    case 'task':
      return { kind, removed, synced: false, object: { $case: 'task', value: target.object } };
  }
}
