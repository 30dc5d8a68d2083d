/** Changes collected by one `Store.update`, checked as they are made. */
import { GantryError } from '../../proto/errors.ts';
import { type StoreAction, StoreActionKind } from '../../proto/generated/gantry/v1/store.ts';
import { NO_META } from './object-type.ts';
import { type AnyObject, type ObjectKind, type ObjectTypes, type Query, tombstone, toWire } from './objects.ts';
import type { ReadTransaction, Tables, UndoMark } from './tables.ts';

/** An object that has no place in the store yet. */
export type NewObject<K extends ObjectKind> = Omit<ObjectTypes[K], 'meta'>;

export interface WriteTransaction extends ReadTransaction {
  /** Throws ALREADY_EXISTS when the name is taken. */
  create<K extends ObjectKind>(kind: K, object: NewObject<K>): ObjectTypes[K];
  /** `object`: a changed copy of what this transaction read. Throws ALREADY_EXISTS when it takes another's name. */
  update<K extends ObjectKind>(kind: K, object: ObjectTypes[K]): ObjectTypes[K];
  remove(kind: ObjectKind, id: string): void;
}

/** The actions of several updates that are proposed together; later ones see what earlier ones did. */
export class TransactionBatch implements WriteTransaction {
  readonly #tables: Tables;
  readonly #now: number;
  /** By kind and id: each object is changed by one action at most, so that its base version can be checked. */
  #actions = new Map<string, StoreAction>();

  constructor(tables: Tables, nowMs: number) {
    this.#tables = tables;
    this.#now = nowMs;
  }

  get actions(): readonly StoreAction[] {
    return [...this.#actions.values()];
  }

  /** Runs one update; what it did is taken back when it throws. */
  run<R>(change: (tx: WriteTransaction) => R): R {
    const mark: UndoMark = this.#tables.mark();
    const actions = new Map(this.#actions);
    try {
      return change(this);
    } catch (error) {
      this.#tables.undoTo(mark);
      this.#actions = actions;
      throw error;
    }
  }

  get<K extends ObjectKind>(kind: K, id: string): ObjectTypes[K] | undefined {
    return this.#tables.get(kind, id);
  }

  find<K extends ObjectKind>(kind: K, query: Query<K>): ObjectTypes[K][] {
    return this.#tables.find(kind, query);
  }

  create<K extends ObjectKind>(kind: K, object: NewObject<K>): ObjectTypes[K] {
    const meta = { ...NO_META, createdAtMs: this.#now, updatedAtMs: this.#now };
    const created = { ...object, meta } as unknown as ObjectTypes[K];
    if (this.#tables.get(kind, created.id) !== undefined) {
      throw new GantryError('ALREADY_EXISTS', `create ${kind} ${created.id}: the id exists`);
    }
    this.#put(StoreActionKind.CREATE, kind, created);
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
    const created = this.#actions.get(`${kind} ${object.id}`)?.kind === StoreActionKind.CREATE;
    this.#put(created ? StoreActionKind.CREATE : StoreActionKind.UPDATE, kind, updated);
    return updated;
  }

  remove(kind: ObjectKind, id: string): void {
    const removed = this.#tables.remove(kind, id);
    if (removed === undefined) return;
    const key = `${kind} ${id}`;
    const created = this.#actions.get(key)?.kind === StoreActionKind.CREATE;
    this.#actions.delete(key);
    if (created) return;
    const target = tombstone(kind, removed);
    this.#actions.set(key, { kind: StoreActionKind.REMOVE, target });
  }

  #put<K extends ObjectKind>(action: StoreActionKind, kind: K, object: ObjectTypes[K]): void {
    if (!this.#tables.hasUniqueName(kind, object)) {
      throw new GantryError('ALREADY_EXISTS', `${kind} "${nameIn(object)}" already exists`);
    }
    this.#tables.put(kind, object);
    this.#actions.set(`${kind} ${object.id}`, { kind: action, target: toWire({ kind, object } as AnyObject) });
  }
}

function nameIn(object: ObjectTypes[ObjectKind]): string {
  return 'annotations' in object.spec ? object.spec.annotations.name : object.id;
}
