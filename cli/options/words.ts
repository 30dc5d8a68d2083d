/** Options whose value is one of a few words. */
import { invalidFlag } from '../command-line.ts';

/** What the word stands for. */
export function parseWord<Value>(flag: string, word: string, values: Readonly<Record<string, Value>>): Value {
  const value = Object.hasOwn(values, word) ? values[word] : undefined;
  if (value === undefined) throw invalidFlag(flag, word, `write one of ${Object.keys(values).join(', ')}`);
  return value;
}

/** The same as an option's parser, which shells can be told the words of. */
export function oneOf<Value>(flag: string, values: Readonly<Record<string, Value>>): WordParser<Value> {
  return Object.assign((word: string) => parseWord(flag, word, values), { words: Object.keys(values) });
}

export type WordParser<Value> = ((word: string) => Value) & { readonly words: readonly string[] };

/** Undefined: the parser takes others, too. */
export function wordsOf(parser: unknown): readonly string[] | undefined {
  return typeof parser === 'function' && 'words' in parser ? (parser as WordParser<unknown>).words : undefined;
}
