/** `command:` and `entrypoint:` given as one string: split into words as a POSIX shell would, without running anything. */
import type { StringList } from '../../../proto/generated/gantry/v1/types.ts';
import type { Cursor } from './cursor.ts';

/** Undefined when a quote isn't closed. */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? '';
    if (quote === "'") {
      if (character === "'") quote = '';
      else word = (word ?? '') + character;
    } else if (character === '\\' && (quote === '' || /["\\$`\n]/.test(text[index + 1] ?? ''))) {
      index += 1;
      word = (word ?? '') + (text[index] ?? '');
    } else if (character === quote) quote = '';
    else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
      word ??= '';
    } else if (quote === '' && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  if (quote !== '') return undefined;
  return word === undefined ? words : [...words, word];
}

export function readCommandLine(cursor: Cursor): StringList {
  if (cursor.tree.kind === 'sequence') return { items: cursor.stringList() };
  const text = cursor.string();
  const items = splitWords(text);
  if (items === undefined)
    throw cursor.problem(`a quote is not closed in ${text}`, 'close it, or write a list of words');
  return { items };
}
