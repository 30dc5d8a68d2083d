/** Which item of the file each item of a model's list was made from, where the two lists differ. */
import type { Json } from './json.ts';

const ORIGINS = new WeakMap<readonly Json[], readonly number[]>();

/** `origins`: for each item of the list, the index of the item that says it in the file. */
export function withOrigins<T extends readonly Json[]>(list: T, origins: readonly number[]): T {
  if (origins.some((origin, index) => origin !== index)) ORIGINS.set(list, origins);
  return list;
}

export function originOf(list: readonly Json[], index: number): number {
  return ORIGINS.get(list)?.[index] ?? index;
}
