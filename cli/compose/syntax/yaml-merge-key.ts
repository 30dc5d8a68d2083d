/** `<<: *base` and `<<: [*a, *b]` (YAML merge key type): what is said beside it wins, then the earlier of several. */
import type { Entry, Tree } from './tree.ts';

/** False: the value is neither a mapping nor a list of them. */
export function mergeInto(entries: Map<string, Entry>, value: Tree): boolean {
  const sources = value.kind === 'sequence' ? value.items : [value];
  for (const source of sources) {
    if (source.kind !== 'mapping') return false;
    for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
  }
  return true;
}
