/** Compose takes a list of one file as it takes lists of several: of items that mean the same thing, the last counts. */
import type { Entry, Mapping, Tree } from '../syntax/tree.ts';
import { hasUniqueItems, isOnWay, uniqueItems } from './unique.ts';

export function uniqueTree(tree: Mapping): Mapping {
  return unique(tree, []) as Mapping;
}

function unique(tree: Tree, path: string[]): Tree {
  if (tree.kind === 'scalar') return tree;
  if (tree.kind === 'sequence') {
    // One alone is unique.
    if (tree.items.length < 2 || !hasUniqueItems(path)) return tree;
    const items = uniqueItems(tree.items, path);
    const isSame = items.length === tree.items.length && items.every((item, index) => item === tree.items[index]);
    return isSame ? tree : { ...tree, items };
  }
  if (!isOnWay(path)) return tree;
  let changed: Map<string, Entry> | undefined;
  for (const [key, entry] of tree.entries) {
    path.push(key);
    const value = unique(entry.value, path);
    path.pop();
    if (value === entry.value) continue;
    changed ??= new Map(tree.entries);
    changed.set(key, { ...entry, value });
  }
  return changed === undefined ? tree : { ...tree, entries: changed };
}
