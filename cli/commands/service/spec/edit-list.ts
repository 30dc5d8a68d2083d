/** Lists of a spec, changed: what is removed goes first; what is added takes the place of what has its key. */
import type { RecordEdit } from '../../../options/service-edits.ts';

export interface ListEdit<Item> {
  readonly add: readonly Item[];
  readonly removes: (item: Item) => boolean;
  readonly keyOf: (item: Item) => string;
}

export function editList<Item>(list: readonly Item[], { add, removes, keyOf }: ListEdit<Item>): Item[] {
  const result = list.filter((item) => !removes(item));
  for (const item of add) {
    const index = result.findIndex((other) => keyOf(other) === keyOf(item));
    if (index === -1) result.push(item);
    else result[index] = item;
  }
  return result;
}

/** A list of texts that are their own keys. */
export function editTexts(
  list: readonly string[],
  { add, rm }: { readonly add: readonly string[]; readonly rm: readonly string[] },
): string[] {
  return editList(list, { add, removes: (text) => rm.includes(text), keyOf: (text) => text });
}

export function editRecord(record: Readonly<Record<string, string>>, { add, rm }: RecordEdit): Record<string, string> {
  const kept = Object.entries(record).filter(([key]) => !rm.includes(key));
  return { ...Object.fromEntries(kept), ...add };
}
