/**
 * `.env` and env_file text. The grammar is that of Compose's own reader: KEY=VALUE and KEY: VALUE lines, `export`,
 * comments, single quotes (literal but for \\', may span lines), double quotes (escapes and variables, may span lines), and
 * unquoted values (variables; a comment starts at " #").
 */
import { InterpolationError, interpolate, type Lookup } from './interpolation.ts';

export interface DotenvEntry {
  readonly key: string;
  /** Undefined: `KEY` alone, taken from the environment by who uses it. */
  readonly value: string | undefined;
  readonly line: number;
}

export class DotenvError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** A line ends at a line feed only: a line separator of Unicode is a character like any other. */
const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([\p{L}\p{N}_.[\]-]+)[ \t]*(?:([=:])[ \t]*(.*))?$/su;

/**
 * Variables of values are those of `outer`, then keys of lines above, then `earlier`: what earlier files say.
 * Throws DotenvError with the line.
 */
export function parseDotenv(text: string, outer: Lookup, earlier: Lookup = () => undefined): DotenvEntry[] {
  const entries: DotenvEntry[] = [];
  const known = new Map<string, string>();
  const lookup: Lookup = (name) => outer(name) ?? known.get(name) ?? earlier(name);
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (let index = 0; index < lines.length; index += 1) {
    const first = lines[index] ?? '';
    if (/^[ \t]*(#.*)?$/s.test(first)) continue;
    const line = index + 1;
    const match = ASSIGNMENT.exec(first);
    const key = match?.[1];
    if (match == null || key === undefined) throw new DotenvError(line, `not KEY=VALUE: "${first.trim()}"`);
    if (match[2] === undefined) {
      entries.push({ key, value: undefined, line });
      continue;
    }
    const { raw, quote, consumed } = readValue(match[3] ?? '', lines, index, line);
    index += consumed;
    const value =
      quote === "'" ? raw.replaceAll("\\'", "'") : expand(quote === '"' ? unescapeQuoted(raw) : raw, lookup, line);
    known.set(key, value);
    entries.push({ key, value, line });
  }
  return entries;
}

interface RawValue {
  readonly raw: string;
  readonly quote: '"' | "'" | '';
  /** Further lines that the value took. */
  readonly consumed: number;
}

function readValue(rest: string, lines: readonly string[], index: number, line: number): RawValue {
  const quote = rest[0];
  if (quote !== '"' && quote !== "'") {
    return { raw: rest.split(' #', 1)[0]?.trim() ?? '', quote: '', consumed: 0 };
  }
  let text = rest.slice(1);
  for (let consumed = 0; ; consumed += 1) {
    const end = closingQuote(text, quote);
    if (end !== -1) {
      if (!/^[ \t]*(#.*)?$/s.test(text.slice(end + 1))) {
        throw new DotenvError(line + consumed, 'unexpected text after the closing quote');
      }
      return { raw: text.slice(0, end), quote, consumed };
    }
    const next = lines[index + consumed + 1];
    if (next === undefined) throw new DotenvError(line, `the quote ${quote} is never closed`);
    text += `\n${next}`;
  }
}

function closingQuote(text: string, quote: string): number {
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '\\') index += 1;
    else if (text[index] === quote) return index;
  }
  return -1;
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  '\\': '\\',
  $: '$$',
};

/** `\0` and up to three octal digits are a byte. An escaped dollar becomes "$$", which interpolation turns into one. */
function unescapeQuoted(text: string): string {
  return text.replace(/\\(?:0([0-7]{3})|([abfnrtv"\\$]))/g, (whole, octal: string | undefined, character: string) =>
    octal === undefined ? (ESCAPES[character] ?? whole) : String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** Far above any real value, far below what variables of variables can blow up to. */
const MAX_VALUE_LENGTH = 1024 * 1024;

function expand(text: string, lookup: Lookup, line: number): string {
  try {
    const value = interpolate(text, lookup).text;
    if (value.length <= MAX_VALUE_LENGTH) return value;
    throw new DotenvError(line, `the value has ${value.length} characters; ${MAX_VALUE_LENGTH} are allowed`);
  } catch (error) {
    if (error instanceof InterpolationError) throw new DotenvError(line, error.message);
    throw error;
  }
}
