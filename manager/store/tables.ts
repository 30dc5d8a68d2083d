/** The tables of all kinds, with changes that can be taken back. */
import {
  type AnyObject,
  type AnyQuery,
  type IndexName,
  OBJECT_KINDS,
  OBJECT_TYPES,
  type ObjectKind,
  type ObjectTypes,
  type Query,
} from './objects.ts';
import { Table, type TableShape } from './table.ts';

/** What a reader sees: one state, as long as it doesn't await. */
export interface ReadTransaction {
  get<K extends ObjectKind>(kind: K, id: string): ObjectTypes[K] | undefined;
  /** `all` and `idPrefix`: by id; others in no particular order. */
  find<K extends ObjectKind>(kind: K, query: Query<K>): ObjectTypes[K][];
  /** The values for which `find` by this index has objects. */
  keys<K extends ObjectKind>(kind: K, index: IndexName<K>): string[];
  /** How many `find` has. Costs nothing. */
  count<K extends ObjectKind>(kind: K, index: IndexName<K>, value: string): number;
  /** How many there are of the kind. Costs nothing. */
  total(kind: ObjectKind): number;
}

/** The objects of one kind at one moment; what is stored later doesn't show in it. */
export type CutOfKind = {
  [K in ObjectKind]: { readonly kind: K; readonly objects: readonly ObjectTypes[K][] };
}[ObjectKind];

/** A point in the history of changes that `Tables.undoTo` returns to. */
export type UndoMark = number;

export class Tables implements ReadTransaction {
  readonly #tables: { readonly [K in ObjectKind]: Table<ObjectTypes[K]> };
  #undo: (() => void)[] = [];

  constructor() {
    this.#tables = Object.fromEntries(
      OBJECT_KINDS.map((kind) => [kind, new Table(OBJECT_TYPES[kind] as unknown as TableShape<AnyObject['object']>)]),
    ) as unknown as { [K in ObjectKind]: Table<ObjectTypes[K]> };
  }

  get<K extends ObjectKind>(kind: K, id: string): ObjectTypes[K] | undefined {
    return this.#table(kind).get(id);
  }

  find<K extends ObjectKind>(kind: K, query: Query<K>): ObjectTypes[K][] {
    const table = this.#table(kind);
    const { by, value = '' }: AnyQuery = query;
    switch (by) {
      case 'all':
        return table.all();
      case 'name':
        return table.byName(value);
      case 'idPrefix':
        return table.byIdPrefix(value);
      default:
        return table.byIndex(by, value);
    }
  }

  keys<K extends ObjectKind>(kind: K, index: IndexName<K>): string[] {
    return this.#table(kind).keys(index);
  }

  count<K extends ObjectKind>(kind: K, index: IndexName<K>, value: string): number {
    return this.#table(kind).count(index, value);
  }

  total(kind: ObjectKind): number {
    return this.#table(kind).size;
  }

  /** All there is, as it is now: kinds in the order of references, objects by their ids. */
  cut(): readonly CutOfKind[] {
    return OBJECT_KINDS.map((kind) => ({ kind, objects: this.#table(kind).all() }) as CutOfKind);
  }

  /** As `put`, but not to be taken back. */
  load<K extends ObjectKind>(kind: K, object: ObjectTypes[K]): void {
    this.#table(kind).put(object);
  }

  put<K extends ObjectKind>(kind: K, object: ObjectTypes[K]): ObjectTypes[K] | undefined {
    const table = this.#table(kind);
    const previous = table.put(object);
    this.#undo.push(() => {
      if (previous === undefined) table.delete(object.id);
      else table.put(previous);
    });
    return previous;
  }

  remove<K extends ObjectKind>(kind: K, id: string): ObjectTypes[K] | undefined {
    const table = this.#table(kind);
    const previous = table.delete(id);
    if (previous !== undefined) this.#undo.push(() => table.put(previous));
    return previous;
  }

  hasUniqueName<K extends ObjectKind>(kind: K, object: ObjectTypes[K]): boolean {
    return this.#table(kind).hasUniqueName(object);
  }

  mark(): UndoMark {
    return this.#undo.length;
  }

  /** Takes back all changes since the mark. */
  undoTo(mark: UndoMark): void {
    for (const undo of this.#undo.splice(mark).reverse()) undo();
  }

  /** Forgets how to take changes back: they stay. */
  keep(): void {
    this.#undo = [];
  }

  #table<K extends ObjectKind>(kind: K): Table<ObjectTypes[K]> {
    return this.#tables[kind];
  }
}
