/** Changes collected by one `Store.update`, checked as they are made. */
import { GantryError } from '../../proto/errors.ts';
import { type StoreAction, StoreActionKind } from '../../proto/generated/gantry/v1/store.ts';
import { NO_META, type ObjectType } from './object-type.ts';
import {
  type AnyObject,
  type IndexName,
  OBJECT_TYPES,
  type ObjectKind,
  type ObjectTypes,
  type Query,
  tombstone,
  toWire,
} from './objects.ts';
import type { ReadTransaction, Tables, UndoMark } from './tables.ts';

/** An object that has no place in the store yet. */
export type NewObject<K extends ObjectKind> = Omit<ObjectTypes[K], 'meta'>;

export interface WriteTransaction extends ReadTransaction {
  /** Throws ALREADY_EXISTS when the name is taken. */
  create<K extends ObjectKind>(kind: K, object: NewObject<K>): ObjectTypes[K];
  /** `object`: a changed copy of what this transaction read. Throws ALREADY_EXISTS when it takes another's name. */
  update<K extends ObjectKind>(kind: K, object: ObjectTypes[K]): ObjectTypes[K];
  remove(kind: ObjectKind, id: string): void;
  /** How many objects are changed so far, also by updates that go into the same log entry. */
  readonly size: number;
}

/** All that a batch does to the object of one id. */
type Net =
  | { readonly change: 'update' | 'remove'; readonly object: AnyObject }
  /** `removed`: one of the same id that had to go first. */
  | { readonly change: 'create'; readonly object: AnyObject; readonly removed: AnyObject | undefined };

/** The changes of several updates that are proposed together; later ones see what earlier ones did. */
export class TransactionBatch implements WriteTransaction {
  readonly #tables: Tables;
  readonly #now: number;
  /** By kind and id. */
  readonly #nets = new Map<string, Net>();
  /** What the running update took the place of. */
  #replaced: { readonly key: string; readonly net: Net | undefined }[] = [];

  constructor(tables: Tables, nowMs: number) {
    this.#tables = tables;
    this.#now = nowMs;
  }

  get size(): number {
    return this.#nets.size;
  }

  get actions(): StoreAction[] {
    return [...this.#nets.values()].flatMap(actionsOf);
  }

  /** Runs one update; what it did is taken back when it throws. */
  run<R>(change: (tx: WriteTransaction) => R): R {
    const mark: UndoMark = this.#tables.mark();
    this.#replaced = [];
    try {
      return change(this);
    } catch (error) {
      this.#tables.undoTo(mark);
      for (const { key, net } of this.#replaced.reverse()) this.#restore(key, net);
      throw error;
    }
  }

  get<K extends ObjectKind>(kind: K, id: string): ObjectTypes[K] | undefined {
    return this.#tables.get(kind, id);
  }

  find<K extends ObjectKind>(kind: K, query: Query<K>): ObjectTypes[K][] {
    return this.#tables.find(kind, query);
  }

  keys<K extends ObjectKind>(kind: K, index: IndexName<K>): string[] {
    return this.#tables.keys(kind, index);
  }

  count<K extends ObjectKind>(kind: K, index: IndexName<K>, value: string): number {
    return this.#tables.count(kind, index, value);
  }

  total(kind: ObjectKind): number {
    return this.#tables.total(kind);
  }

  create<K extends ObjectKind>(kind: K, object: NewObject<K>): ObjectTypes[K] {
    const meta = { ...NO_META, createdAtMs: this.#now, updatedAtMs: this.#now };
    const created = { ...object, meta } as unknown as ObjectTypes[K];
    if (this.#tables.get(kind, created.id) !== undefined) {
      throw new GantryError('ALREADY_EXISTS', `create ${kind} ${created.id}: the id exists`);
    }
    const before = this.#nets.get(keyOf(kind, created.id));
    const removed = before?.change === 'remove' ? before.object : undefined;
    this.#put(kind, created, { change: 'create', object: { kind, object: created } as AnyObject, removed });
    return created;
  }

  update<K extends ObjectKind>(kind: K, object: ObjectTypes[K]): ObjectTypes[K] {
    const current = this.#tables.get(kind, object.id);
    if (current === undefined) throw new GantryError('NOT_FOUND', `update ${kind} ${object.id}: it does not exist`);
    if (current.meta.version !== object.meta.version) {
      throw new GantryError('CONFLICT', `update ${kind} ${object.id}: it was read before the transaction`);
    }
    const updated: ObjectTypes[K] = {
      ...object,
      meta: { ...current.meta, updatedAtMs: this.#now },
    };
    refuseImpossible(kind, current, updated);
    const target = { kind, object: updated } as AnyObject;
    const before = this.#nets.get(keyOf(kind, object.id));
    const net: Net = before?.change === 'create' ? { ...before, object: target } : { change: 'update', object: target };
    this.#put(kind, updated, net);
    return updated;
  }

  remove(kind: ObjectKind, id: string): void {
    const object = this.#tables.remove(kind, id);
    if (object === undefined) return;
    const before = this.#nets.get(keyOf(kind, id));
    // One that nobody else has seen leaves nothing behind.
    const removed = before?.change === 'create' ? before.removed : ({ kind, object } as AnyObject);
    this.#set(keyOf(kind, id), removed && { change: 'remove', object: removed });
  }

  #put<K extends ObjectKind>(kind: K, object: ObjectTypes[K], net: Net): void {
    if (!this.#tables.hasUniqueName(kind, object)) {
      throw new GantryError('ALREADY_EXISTS', `${kind} "${nameIn(object)}" already exists`);
    }
    this.#tables.put(kind, object);
    this.#set(keyOf(kind, object.id), net);
  }

  #set(key: string, net: Net | undefined): void {
    this.#replaced.push({ key, net: this.#nets.get(key) });
    this.#restore(key, net);
  }

  #restore(key: string, net: Net | undefined): void {
    if (net === undefined) this.#nets.delete(key);
    else this.#nets.set(key, net);
  }
}

function actionsOf(net: Net): StoreAction[] {
  const { kind, object } = net.object;
  switch (net.change) {
    case 'remove':
      return [{ kind: StoreActionKind.REMOVE, target: tombstone(kind, object) }];
    case 'update':
      return [{ kind: StoreActionKind.UPDATE, target: toWire(net.object) }];
    case 'create': {
      const first = net.removed === undefined ? [] : actionsOf({ change: 'remove', object: net.removed });
      return [...first, { kind: StoreActionKind.CREATE, target: toWire(net.object) }];
    }
  }
}

/** A mistake of ours, which must not reach the log. */
function refuseImpossible<K extends ObjectKind>(kind: K, before: ObjectTypes[K], after: ObjectTypes[K]): void {
  const { changeProblem }: ObjectType<never, ObjectTypes[K], string> = OBJECT_TYPES[kind] as never;
  const problem = changeProblem?.(before, after);
  if (problem !== undefined) throw new GantryError('INTERNAL', `update ${kind} ${after.id}: ${problem}`);
}

function keyOf(kind: ObjectKind, id: string): string {
  return `${kind} ${id}`;
}

function nameIn(object: ObjectTypes[ObjectKind]): string {
  if (!('spec' in object)) return object.id;
  return 'annotations' in object.spec ? object.spec.annotations.name : object.id;
}
