/** Compose takes a list of one file as it takes lists of several: of items that mean the same thing, the last counts. */
import type { Entry, Mapping, Tree } from '../syntax/tree.ts';
import { uniqueItems } from './unique.ts';

export function uniqueTree(tree: Mapping): Mapping {
  return unique(tree, []) as Mapping;
}

function unique(tree: Tree, path: readonly string[]): Tree {
  if (tree.kind === 'scalar') return tree;
  if (tree.kind === 'sequence') {
    const items = uniqueItems(tree.items, path);
    const isSame = items.length === tree.items.length && items.every((item, index) => item === tree.items[index]);
    return isSame ? tree : { ...tree, items };
  }
  const entries = [...tree.entries].map(([key, entry]): [string, Entry] => {
    const value = unique(entry.value, [...path, key]);
    return [key, value === entry.value ? entry : { ...entry, value }];
  });
  return { ...tree, entries: new Map(entries) };
}
