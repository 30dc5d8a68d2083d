/** Watch: the present state, then every change. */
import { GantryError } from '../../proto/errors.ts';
import { type WatchEvent, type WatchRequest, ObjectKind as WireKind } from '../../proto/generated/gantry/v1/control.ts';
import { STACK_LABEL } from '../store/object-type.ts';
import type { AnyObject } from '../store/objects.ts';
import type { ServiceObject } from '../store/service.ts';
import type { Store } from '../store/store.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { StoreEvent } from '../store/watch.ts';
import type { ApiContext } from './context.ts';

const WATCHABLE = ['node', 'network', 'service', 'task'] as const;
type WatchableKind = (typeof WATCHABLE)[number];

const WIRE_KINDS: Readonly<Record<WatchableKind, WireKind>> = {
  node: WireKind.NODE,
  network: WireKind.NETWORK,
  service: WireKind.SERVICE,
  task: WireKind.TASK,
};

/** Throws UNSUPPORTED for kinds that can't be watched, UNAVAILABLE when the leader changes: watch on from the revision. */
export async function* watch(
  { store, termOver }: ApiContext,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent, void, undefined> {
  const { stack, fromRevision } = request;
  const kinds = kindsOf(request);
  const matches = isIn(stack);
  const changes = store.watch(fromRevision === 0 ? { kinds, matches } : { kinds, matches, fromRevision });
  try {
    // No await between watch and view: nothing is missed and nothing comes twice.
    const missed = fromRevision === 0 ? 'lagged' : changes.take();
    if (missed === 'lagged') yield* presentState(store, kinds, stack);
    else yield* [...missed.map(toChange), synced(store.revision)];
    const ended = AbortSignal.any([signal, termOver]);
    while (!ended.aborted) {
      await changes.changed(ended);
      const events = changes.take();
      if (events === 'lagged') yield* presentState(store, kinds, stack);
      else yield* events.map(toChange);
    }
    // Its state may fall behind unnoticed from now on; the next leader has it all.
    if (termOver.aborted) throw new GantryError('UNAVAILABLE', 'watch: this manager does not lead any more');
  } finally {
    changes.close();
  }
}

/** Read at once, told one by one. */
function presentState(store: Store, kinds: readonly WatchableKind[], stack: string): Iterable<WatchEvent> {
  const revision = store.revision;
  const present = store.view((read) => kinds.flatMap((kind) => objectsOf(read, kind, stack))).filter(isIn(stack));
  return (function* () {
    yield { ...NOTHING, reset: true };
    for (const target of present) yield toEvent(target);
    yield synced(revision);
  })();
}

const NOTHING: WatchEvent = {
  kind: WireKind.UNSPECIFIED,
  removed: false,
  object: undefined,
  synced: false,
  revision: 0,
  reset: false,
};

function synced(revision: number): WatchEvent {
  return { ...NOTHING, synced: true, revision };
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

function objectsOf(read: ReadTransaction, kind: WatchableKind, stack: string): AnyObject[] {
  const isAny = stack === '' || kind === 'node';
  const found = isAny ? read.find(kind, { by: 'all' }) : read.find(kind, { by: 'stack', value: stack });
  return found.map((object) => ({ kind, object }) as AnyObject);
}

/** Empty: any. */
function isIn(stack: string): (target: AnyObject) => boolean {
  return (target) => stack === '' || stackIn(target) === stack;
}

function stackIn(target: AnyObject): string | undefined {
  if (target.kind === 'task') return target.object.serviceLabels[STACK_LABEL];
  if (target.kind === 'stackVersion') return target.object.stack;
  if (target.kind === 'clientCertificate' || target.kind === 'volumePin') return undefined;
  return target.object.spec.annotations.labels[STACK_LABEL];
}

/** Only the last of what one entry changed tells its revision: who goes on from there has had all of it. */
function toChange(event: StoreEvent, position: number, all: readonly StoreEvent[]): WatchEvent {
  const revision = all[position + 1]?.revision === event.revision ? 0 : event.revision;
  return { ...toEvent(event), removed: event.change === 'remove', revision };
}

function forClients(service: ServiceObject): ServiceObject {
  return service.pullCredentials === undefined ? service : { ...service, pullCredentials: undefined };
}

function toEvent(target: AnyObject): WatchEvent {
  switch (target.kind) {
    case 'node':
      return { ...NOTHING, kind: WireKind.NODE, object: { $case: 'node', value: target.object } };
    case 'network':
      return { ...NOTHING, kind: WireKind.NETWORK, object: { $case: 'network', value: target.object } };
    case 'service':
      return { ...NOTHING, kind: WireKind.SERVICE, object: { $case: 'service', value: forClients(target.object) } };
    case 'task':
      return { ...NOTHING, kind: WireKind.TASK, object: { $case: 'task', value: target.object } };
    default:
      throw new Error(`objects of kind ${target.kind} can't be watched`);
  }
}
