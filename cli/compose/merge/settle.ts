/** After the last merge: what was reset is gone, and nothing is marked any more. */
import type { Entry, Mapping, Sequence, Tree } from '../syntax/tree.ts';

export function settle(tree: Mapping): Mapping {
  return settleTree(tree) as Mapping;
}

/** The same value when nothing in it is marked: most are. */
export function settleTree(tree: Tree): Tree {
  switch (tree.kind) {
    case 'scalar':
      return tree.tag === undefined ? tree : withoutTag(tree);
    case 'sequence':
      return settleSequence(tree);
    case 'mapping':
      return settleMapping(tree);
  }
}

function settleSequence(tree: Sequence): Sequence {
  const isSettled = tree.tag === undefined && tree.items.every((item) => isKept(item) && settleTree(item) === item);
  return isSettled ? tree : { ...withoutTag(tree), items: tree.items.filter(isKept).map(settleTree) };
}

function settleMapping(tree: Mapping): Mapping {
  let changed: Map<string, Entry> | undefined = tree.tag === undefined ? undefined : new Map(tree.entries);
  for (const [key, entry] of tree.entries) {
    const value = isKept(entry.value) ? settleTree(entry.value) : undefined;
    if (value === entry.value) continue;
    changed ??= new Map(tree.entries);
    if (value === undefined) changed.delete(key);
    else changed.set(key, { ...entry, value });
  }
  return changed === undefined ? tree : { ...withoutTag(tree), entries: changed };
}

function isKept({ tag }: Tree): boolean {
  return tag !== 'reset';
}

function withoutTag<T extends Tree>(tree: T): T {
  const { tag: _, ...rest } = tree;
  return rest as T;
}
