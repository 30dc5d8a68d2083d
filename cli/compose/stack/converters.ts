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
  const result: Partial<Spec> = {};
  for (const key of fields.keys()) {
    const convert = Object.hasOwn(converters, key) ? converters[key] : undefined;
    if (convert !== undefined)
      Object.assign(
        result,
        fields.get(key, (cursor) => convert(cursor, context)),
      );
  }
  return result;
}
