/** Where the values of a canonical model were written. */
import type { Mapping, Position, Tree } from './tree.ts';

export interface Place {
  /** Dotted path, as far as it is written: services.web.ports[0] */
  readonly key: string;
  /** Of the value; of one that isn't written, of the nearest around it. */
  readonly position: Position;
  /** Of its key; an item of a list has none, and its own. */
  readonly keyPosition: Position;
  /** Undefined: it isn't written there, but goes without saying, or is part of a short form. */
  readonly tree: Tree | undefined;
}

/** `path` names keys, numbers items from 0, or names them by how they begin: KEY of "KEY=value" and "KEY:value". */
export function placeOf(tree: Mapping, path: readonly string[]): Place {
  let place: Place = { key: '', position: tree.position, keyPosition: tree.position, tree };
  for (const name of path) {
    const next = stepInto(place, name);
    if (next === undefined) return { ...place, tree: undefined };
    place = next;
  }
  return place;
}

function stepInto({ key, tree }: Place, name: string): Place | undefined {
  if (tree?.kind === 'sequence') {
    const index = /^\d+$/.test(name) ? Number(name) : tree.items.findLastIndex((item) => isNamed(item, name));
    const item = tree.items[index];
    if (item === undefined) return undefined;
    return { key: `${key}[${index}]`, position: item.position, keyPosition: item.position, tree: item };
  }
  const entry = tree?.kind === 'mapping' ? tree.entries.get(name) : undefined;
  if (entry === undefined) return undefined;
  const { keyPosition, value } = entry;
  return { key: key === '' ? name : `${key}.${name}`, position: value.position, keyPosition, tree: value };
}

function isNamed(item: Tree, name: string): boolean {
  if (item.kind !== 'scalar' || !item.text.startsWith(name)) return false;
  return item.text.length === name.length || /[=:]/.test(item.text[name.length] ?? '');
}
