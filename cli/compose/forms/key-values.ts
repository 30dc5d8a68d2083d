/** Values that may be written in several forms → one of them, each with the place where it was written. */
import {
  type Entry,
  isNull,
  type Mapping,
  mappingAt,
  nullAt,
  type Sequence,
  type Tree,
  textAt,
} from '../syntax/tree.ts';

/** `KEY=value` items → `KEY: value`; a key without "=" has null. Undefined: neither a list of words nor a mapping. */
export function keyValueMapping(tree: Tree): Mapping | undefined {
  if (tree.kind === 'mapping') return tree;
  if (isNull(tree)) return { kind: 'mapping', position: tree.position, entries: new Map() };
  if (tree.kind === 'scalar') return undefined;
  const entries = new Map<string, Entry>();
  for (const item of tree.items) {
    if (item.kind !== 'scalar') return undefined;
    const equals = item.text.indexOf('=');
    const key = equals < 0 ? item.text : item.text.slice(0, equals);
    const value = equals < 0 ? nullAt(item.position) : textAt(item.position, item.text.slice(equals + 1));
    entries.set(key, { key, keyPosition: item.position, value });
  }
  return { kind: 'mapping', position: tree.position, entries };
}

/** A list of names → a mapping in which each has what `toValue` says. Undefined: neither a list nor a mapping. */
export function namedMapping(tree: Tree, toValue: (item: Tree) => Tree): Mapping | undefined {
  if (tree.kind === 'mapping') return tree;
  if (isNull(tree)) return { kind: 'mapping', position: tree.position, entries: new Map() };
  if (tree.kind === 'scalar') return undefined;
  const entries = new Map<string, Entry>();
  for (const item of tree.items) {
    if (item.kind !== 'scalar') return undefined;
    entries.set(item.text, { key: item.text, keyPosition: item.position, value: toValue(item) });
  }
  return { kind: 'mapping', position: tree.position, entries };
}

/** One value → a list of it; null → an empty list; of a mapping `key=value` for each of its values. */
export function listOf(tree: Tree): Sequence {
  const { position } = tree;
  if (tree.kind === 'sequence') return tree;
  if (isNull(tree)) return { kind: 'sequence', position, items: [] };
  if (tree.kind === 'scalar') return { kind: 'sequence', position, items: [tree] };
  const items = [...tree.entries.values()].flatMap(({ key, keyPosition, value }): Tree[] => {
    if (isNull(value)) return [textAt(keyPosition, key)];
    const values = value.kind === 'sequence' ? value.items : [value];
    return values.map((one) => (one.kind === 'scalar' ? textAt(one.position, `${key}=${one.text}`) : one));
  });
  return { kind: 'sequence', position, items };
}

/** `build: DIR` → `build: {context: DIR}`. */
export function longBuild(tree: Tree): Tree {
  if (tree.kind !== 'scalar') return tree;
  return mappingAt(tree.position, tree.value === null ? {} : { context: tree });
}
