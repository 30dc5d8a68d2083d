/** After the last merge: what was reset is gone, and nothing is marked any more. */
import type { Entry, Mapping, Tree } from '../syntax/tree.ts';

export function settle(tree: Mapping): Mapping {
  return settleTree(tree) as Mapping;
}

/** The same value when nothing in it is marked: most are. */
export function settleTree(tree: Tree): Tree {
  switch (tree.kind) {
    case 'scalar':
      return tree.tag === undefined ? tree : withoutTag(tree);
    case 'sequence': {
      const items = tree.items.filter(isKept).map(settleTree);
      const isSame = items.length === tree.items.length && items.every((item, index) => item === tree.items[index]);
      return isSame && tree.tag === undefined ? tree : { ...withoutTag(tree), items };
    }
    case 'mapping': {
      const kept = [...tree.entries.values()].filter(({ value }) => isKept(value));
      const entries = kept.map((entry): Entry => {
        const value = settleTree(entry.value);
        return value === entry.value ? entry : { ...entry, value };
      });
      const isSame =
        entries.length === tree.entries.size && entries.every((entry) => tree.entries.get(entry.key) === entry);
      if (isSame && tree.tag === undefined) return tree;
      return { ...withoutTag(tree), entries: new Map(entries.map((entry) => [entry.key, entry])) };
    }
  }
}

function isKept({ tag }: Tree): boolean {
  return tag !== 'reset';
}

function withoutTag<T extends Tree>(tree: T): T {
  const { tag: _, ...rest } = tree;
  return rest as T;
}
