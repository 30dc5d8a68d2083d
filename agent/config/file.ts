/** gantryd.json: one JSON object, the options by their flags' names. */
import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml';
import { GantryError } from '../../proto/errors.ts';
import type { Given } from './given.ts';
import { LIST_OPTIONS, OPTION_NAMES, type OptionName, type Settings } from './options.ts';

/**
 * The settings in the file's text. JSON is read as YAML, whose parser knows where each key stands. Throws
 * INVALID_ARGUMENT with file, line and key for what isn't known or isn't a text.
 */
export function parseConfigFile(path: string, text: string): Settings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, schema: 'json', uniqueKeys: true });
  const lineOf = (offset: number | undefined) => lines.linePos(offset ?? 0).line;
  const error = document.errors[0];
  if (error !== undefined) throw fault(path, lineOf(error.pos[0]), error.message.split(' at line')[0] ?? error.message);
  if (document.contents === null) return {};
  if (!isMap(document.contents)) throw fault(path, 1, 'the file must hold one JSON object');
  const settings: Settings = {};
  for (const pair of document.contents.items) {
    const line = lineOf((pair.key as Node | null)?.range?.[0]);
    const name = optionName(path, line, pair);
    settings[name] = givenValues(path, line, name, pair);
  }
  return settings;
}

function optionName(path: string, line: number, { key }: Pair): OptionName {
  const text = isScalar(key) ? String(key.value) : String(key);
  const name = OPTION_NAMES.find((known) => known === text);
  if (name !== undefined) return name;
  throw fault(path, line, `unknown key "${text}"`, `known are ${OPTION_NAMES.join(', ')}`);
}

function givenValues(path: string, line: number, name: OptionName, { value }: Pair): Given[] {
  const origin = `${path}:${line}: ${name}`;
  const isList = LIST_OPTIONS.has(name);
  const items = isList && isSeq(value) ? value.items : [value];
  return items.map((item) => {
    if (isScalar(item) && typeof item.value === 'string') return { value: item.value, origin };
    throw fault(path, line, `"${name}" must be a string${isList ? ' or a list of strings' : ''}`);
  });
}

function fault(path: string, line: number, what: string, hint?: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `${path}:${line}: ${what}`, hint === undefined ? {} : { hint });
}
