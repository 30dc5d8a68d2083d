/** Tables in which each key of a mapping has what becomes of it. */
import type { Fields, ModelCursor } from './model-cursor.ts';

export type Converter<Spec, Context> = (cursor: ModelCursor, context: Context) => Partial<Spec>;
export type Converters<Spec, Context> = Readonly<Record<string, Converter<Spec, Context>>>;

/** What the keys that are there say all together. */
export function convertFields<Spec, Context>(
  fields: Fields,
  converters: Converters<Spec, Context>,
  context: Context,
): Partial<Spec> {
  const parts = Object.entries(converters).map(([key, convert]) => fields.get(key, (one) => convert(one, context)));
  return Object.assign({}, ...parts) as Partial<Spec>;
}
