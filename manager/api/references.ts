/** From what users type to objects: an id, a name, or the beginning of an id. */
import { GantryError } from '../../proto/errors.ts';
import type { NodeObject } from '../store/node.ts';
import { nodeName } from '../store/node.ts';
import type { ObjectTypes } from '../store/objects.ts';
import type { ReadTransaction } from '../store/tables.ts';

/** Kinds that users name. */
export type NamedKind = 'service' | 'network' | 'secret' | 'config';

/** Throws NOT_FOUND, or AMBIGUOUS for the beginning of several ids. */
export function resolve<K extends NamedKind>(read: ReadTransaction, kind: K, reference: string): ObjectTypes[K] {
  if (reference === '') throw new GantryError('INVALID_ARGUMENT', `an empty ${kind} reference`);
  const exact = read.get(kind, reference) ?? read.find(kind, { by: 'name', value: reference })[0];
  if (exact !== undefined) return exact;
  return single(kind, reference, read.find(kind, { by: 'idPrefix', value: reference }));
}

/** As `resolve`; a node also goes by its host name. */
export function resolveNode(read: ReadTransaction, reference: string): NodeObject {
  const byId = read.get('node', reference);
  if (byId !== undefined) return byId;
  const named = read.find('node', { by: 'all' }).filter((node) => nodeName(node) === reference);
  return single('node', reference, named.length > 0 ? named : read.find('node', { by: 'idPrefix', value: reference }));
}

function single<T extends { readonly id: string }>(kind: string, reference: string, found: readonly T[]): T {
  const [first] = found;
  if (first === undefined) throw new GantryError('NOT_FOUND', `no such ${kind}: ${reference}`);
  if (found.length === 1) return first;
  throw new GantryError(
    'AMBIGUOUS',
    `${kind} ${reference} is ambiguous: ${found.map((object) => object.id).join(', ')}`,
    {
      hint: 'give more of the id',
    },
  );
}
