/** Splits a template into text and actions, and an action into tokens. Go's text/template, "Actions". */
import { type Place, TemplateError } from './syntax.ts';

export type Segment =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly Token[]; readonly source: string; readonly place: Place };

export type Token =
  | { readonly kind: 'string'; readonly value: string; readonly spaced: boolean; readonly offset: number }
  | { readonly kind: 'number'; readonly value: number; readonly spaced: boolean; readonly offset: number }
  /** `.Name`, with the name only; `.` alone has an empty name. */
  | { readonly kind: 'field'; readonly value: string; readonly spaced: boolean; readonly offset: number }
  /** `$name`, with the dollar. */
  | { readonly kind: 'variable'; readonly value: string; readonly spaced: boolean; readonly offset: number }
  | { readonly kind: 'word'; readonly value: string; readonly spaced: boolean; readonly offset: number }
  | { readonly kind: 'sign'; readonly value: string; readonly spaced: boolean; readonly offset: number };

const TRIM_LEFT = /^-\s/;
const TRIM_RIGHT = /\s-$/;

export function splitTemplate(source: string): Segment[] {
  const segments: Segment[] = [];
  let position = 0;
  let trimNext = false;
  while (position < source.length) {
    const open = source.indexOf('{{', position);
    let text = source.slice(position, open === -1 ? undefined : open);
    if (trimNext) text = text.trimStart();
    if (open === -1) {
      pushText(segments, text);
      break;
    }
    const close = endOfAction(source, open);
    let inner = source.slice(open + 2, close);
    if (TRIM_LEFT.test(inner)) {
      text = text.trimEnd();
      inner = inner.slice(1);
    }
    trimNext = TRIM_RIGHT.test(inner);
    if (trimNext) inner = inner.slice(0, -1);
    pushText(segments, text);
    pushAction(segments, inner, placeOf(source, open + 2));
    position = close + 2;
  }
  return segments;
}

function pushText(segments: Segment[], text: string): void {
  if (text !== '') segments.push({ kind: 'text', text });
}

function pushAction(segments: Segment[], inner: string, place: Place): void {
  const trimmed = inner.trim();
  if (trimmed.startsWith('/*')) {
    if (!trimmed.endsWith('*/') || trimmed.length < 4) throw new TemplateError(`${place.line}: unclosed comment`);
    return;
  }
  segments.push({ kind: 'action', tokens: tokenize(inner, place), source: trimmed, place });
}

/** Index of the `}}` that ends the action at `open`; braces within strings don't count. */
function endOfAction(source: string, open: number): number {
  let index = open + 2;
  if (/^(?:-\s)?\s*\/\*/.test(source.slice(index, index + 80))) {
    const end = source.indexOf('*/', index);
    const close = end === -1 ? -1 : source.indexOf('}}', end);
    if (close === -1) throw new TemplateError(`${placeOf(source, open).line}: unclosed comment`);
    return close;
  }
  while (index < source.length) {
    if (source.startsWith('}}', index)) return index;
    const quote = source[index];
    index += 1;
    if (quote === '"' || quote === '`' || quote === "'") index = endOfQuoted(source, index, quote) ?? index;
  }
  throw new TemplateError(`${placeOf(source, open).line}: unclosed action`);
}

/** Index after the closing quote; undefined when there is none. */
function endOfQuoted(source: string, start: number, quote: string): number | undefined {
  for (let index = start; index < source.length; index += 1) {
    if (source[index] === quote) return index + 1;
    if (source[index] === '\\' && quote !== '`') index += 1;
  }
  return undefined;
}

export function placeOf(source: string, offset: number): Place {
  const before = source.slice(0, offset);
  return { line: before.split('\n').length, column: offset - (before.lastIndexOf('\n') + 1) + 1 };
}

const TOKEN =
  /(?<space>\s+)|(?<string>"(?:\\.|[^"\\\n])*"|`[^`]*`)|(?<char>'(?:\\.|[^'\\\n])')|(?<number>[+-]?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?))|(?<field>\.[\p{L}_][\p{L}\p{N}_]*|\.)|(?<variable>\$[\p{L}\p{N}_]*)|(?<word>[\p{L}_][\p{L}\p{N}_]*)|(?<sign>:=|[=|(),])/uy;

function tokenize(inner: string, place: Place): Token[] {
  const tokens: Token[] = [];
  let spaced = true;
  TOKEN.lastIndex = 0;
  for (let offset = 0; offset < inner.length; offset = TOKEN.lastIndex) {
    const groups = TOKEN.exec(inner)?.groups;
    if (groups === undefined) throw unreadable(inner, offset, place);
    if (groups.space === undefined) tokens.push(tokenOf(groups, spaced, offset));
    spaced = groups.space !== undefined;
  }
  return tokens;
}

function tokenOf(groups: Record<string, string | undefined>, spaced: boolean, offset: number): Token {
  const { string, char, number, field, variable, word, sign } = groups;
  if (string !== undefined) return { kind: 'string', value: unquote(string), spaced, offset };
  if (char !== undefined) {
    return { kind: 'number', value: unquote(char).codePointAt(0) ?? 0, spaced, offset };
  }
  if (number !== undefined) return { kind: 'number', value: Number(number), spaced, offset };
  if (field !== undefined) return { kind: 'field', value: field.slice(1), spaced, offset };
  if (variable !== undefined) return { kind: 'variable', value: variable, spaced, offset };
  if (word !== undefined) return { kind: 'word', value: word, spaced, offset };
  return { kind: 'sign', value: sign ?? '', spaced, offset };
}

function unreadable(inner: string, offset: number, place: Place): TemplateError {
  const character = inner[offset] ?? '';
  if (character === '"') return new TemplateError(`${place.line}: unterminated quoted string`);
  if (character === '`') return new TemplateError(`${place.line}: unterminated raw quoted string`);
  if (character === "'") return new TemplateError(`${place.line}: unterminated character constant`);
  return new TemplateError(`${place.line}: unexpected "${character}" in operand`);
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

function unquote(text: string): string {
  const inner = text.slice(1, -1);
  if (text.startsWith('`')) return inner;
  return inner.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gs,
    (_, hex: string | undefined, short: string | undefined, long: string | undefined, octal, other: string) => {
      const code = hex ?? short ?? long;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      return ESCAPES[other] ?? other;
    },
  );
}
