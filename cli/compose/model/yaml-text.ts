/**
 * JSON values as YAML, in blocks. The library does it too, but takes longer for a large model than all the rest of loading it.
 * What readers of YAML 1.1 would take for something else than a string is quoted: on, 56:12, 0o7, 1_000.
 */
import type { Json } from './json.ts';

export function yamlText(value: Json): string {
  const lines: string[] = [];
  write(value, 0, '', lines);
  return `${lines.join('\n')}\n`;
}

/** `head`: what is in the line already, before the value: "key:" or "-", with its indentation. */
function write(value: Json, indent: number, head: string, lines: string[]): void {
  if (Array.isArray(value)) writeList(value, indent, head, lines);
  else if (typeof value === 'object' && value !== null)
    writeMapping(value as { readonly [key: string]: Json }, indent, head, lines);
  else lines.push(joined(head, typeof value === 'string' ? stringText(value, indent) : String(value)));
}

function joined(head: string, text: string): string {
  return head === '' ? text : `${head} ${text}`;
}

function writeList(items: readonly Json[], indent: number, head: string, lines: string[]): void {
  if (items.length === 0) {
    lines.push(joined(head, '[]'));
    return;
  }
  if (head !== '') lines.push(head);
  for (const item of items) writeItem(item, indent, lines);
}

/** A mapping in a list starts in the line of its dash. */
function writeItem(item: Json, indent: number, lines: string[]): void {
  const first = lines.length;
  const isMapping = typeof item === 'object' && item !== null && !Array.isArray(item) && Object.keys(item).length > 0;
  if (!isMapping) {
    write(item, indent + 2, `${' '.repeat(indent)}-`, lines);
    return;
  }
  write(item, indent + 2, '', lines);
  lines[first] = `${' '.repeat(indent)}- ${(lines[first] ?? '').slice(indent + 2)}`;
}

function writeMapping(mapping: { readonly [key: string]: Json }, indent: number, head: string, lines: string[]): void {
  const entries = Object.entries(mapping);
  if (entries.length === 0) {
    lines.push(joined(head, '{}'));
    return;
  }
  if (head !== '') lines.push(head);
  const space = ' '.repeat(indent);
  for (const [key, value] of entries) {
    const isPlain = isPlainWord(key) && key.length < 1000;
    write(value, indent + 2, `${space}${isPlain ? key : quoted(key)}:`, lines);
  }
}

function stringText(text: string, indent: number): string {
  if (isPlainWord(text)) return text;
  const canBeBlock = text.includes('\n') && /^[^\s]/.test(text) && !UNPRINTABLE.test(text) && !/[ \t](\n|$)/.test(text);
  return canBeBlock ? block(text, indent) : quoted(text);
}

/** What YAML can't have as it is, and line ends that aren't everybody's. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\r]/;

function block(text: string, indent: number): string {
  const body = text.replace(/\n+$/, '');
  const ends = text.length - body.length;
  const mark = ends === 0 ? '-' : ends === 1 ? '' : '+';
  const space = ' '.repeat(Math.max(indent, 2));
  const lines = body.split('\n').map((line) => (line === '' ? '' : space + line));
  return [`|${mark}`, ...lines, ...Array.from({ length: Math.max(0, ends - 1) }, () => '')].join('\n');
}

/** JSON's strings are YAML's, too. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const PLAIN = /^[A-Za-z_/.~][\w./@%+~,=()$*&!?<>|;^-]*(?:[: ](?![ #])[\w./@%+~,=()$*&!?<>|;^-]+)*$/;
/** Words that mean a boolean or nothing (YAML 1.1), and numbers of all kinds. */
const MEANT =
  /^(?:y|n|yes|no|on|off|true|false|null|~|<<|=|[.~]|\.(?:inf|nan)|[-+]?\.?\d.*|[-+]?\.?e[-+]?\d+|\.{3}.*)$/i;

function isPlainWord(text: string): boolean {
  return text.length < 10_000 && PLAIN.test(text) && !MEANT.test(text);
}
