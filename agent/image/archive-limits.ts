/** How much an image archive may ask for. Pure. */
import { GantryError } from '../../proto/errors.ts';

/** Each entry becomes an image, or a name, which is written to disk. */
const MAX_ENTRIES = 1000;

/** Throws INVALID_ARGUMENT, naming the list, when it is longer than it may be. */
export function checkCount<T>(items: readonly T[], where: string): readonly T[] {
  if (items.length <= MAX_ENTRIES) return items;
  throw new GantryError(
    'INVALID_ARGUMENT',
    `${where} has ${items.length} entries, more than the ${MAX_ENTRIES} allowed`,
  );
}
