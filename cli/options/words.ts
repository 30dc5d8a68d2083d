/** Options whose value is one of a few words. */
import { invalidFlag } from '../command-line.ts';

/** What the word stands for. */
export function parseWord<Value>(flag: string, word: string, values: Readonly<Record<string, Value>>): Value {
  const value = Object.hasOwn(values, word) ? values[word] : undefined;
  if (value === undefined) throw invalidFlag(flag, word, `write one of ${Object.keys(values).join(', ')}`);
  return value;
}

/** The same as an option's parser. */
export function oneOf<Value>(flag: string, values: Readonly<Record<string, Value>>): (word: string) => Value {
  return (word) => parseWord(flag, word, values);
}
