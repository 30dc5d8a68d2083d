/** What YAML says a tree is, for tests. */
import type { Tree } from './tree.ts';

export function plain(tree: Tree): unknown {
  switch (tree.kind) {
    case 'scalar':
      return tree.value;
    case 'sequence':
      return tree.items.map(plain);
    case 'mapping':
      return Object.fromEntries([...tree.entries].map(([key, { value }]) => [key, plain(value)]));
  }
}
