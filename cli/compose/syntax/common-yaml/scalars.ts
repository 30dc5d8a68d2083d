/** Scalars of one line. */

/** Thrown at whatever this reader doesn't know, which is no error yet: the YAML library has the last word. */
export class NotCommonError extends Error {}

const NOT_COMMON = new NotCommonError('not the YAML that most files are written in');

/** One object for all of them: a trace of the stack would cost more than the reading. */
export function notCommon(): never {
  throw NOT_COMMON;
}

/** As go-yaml v3 has it, with which Compose reads: the core schema (YAML 1.2, 10.3.2), and numbers of YAML 1.1. */
export function plainValue(text: string): string | number | boolean | null {
  const first = text.charCodeAt(0);
  // A digit, a sign or a dot; anything else is a word.
  if ((first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46) return numberOrText(text);
  switch (text) {
    case '':
    case '~':
    case 'null':
    case 'Null':
    case 'NULL':
      return null;
    case 'true':
    case 'True':
    case 'TRUE':
      return true;
    case 'false':
    case 'False':
    case 'FALSE':
      return false;
    default:
      return text;
  }
}

const NUMBER = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/;
/** 0x1f, 0b11, 0o17; and 017, which is octal, too. */
const OF_OTHER_BASE = /^([-+]?)0(?:[xX]([\da-fA-F]+)|[bB]([01]+)|[oO]?([0-7]+))$/;

function numberOrText(text: string): string | number {
  // 1_000 is a number; a fraction without anything before its dot has none of these.
  const digits = text.startsWith('.') ? text : text.replaceAll('_', '');
  const other = OF_OTHER_BASE.exec(digits);
  if (other !== null) return numberOfBase(other);
  if (NUMBER.test(digits)) return Number(digits);
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return /^\.(?:nan|NaN|NAN)$/.test(text) ? Number.NaN : text;
}

function numberOfBase([, sign, hex, binary, octal = '']: RegExpExecArray): number {
  const [digits, base] = hex !== undefined ? [hex, 16] : binary !== undefined ? [binary, 2] : [octal, 8];
  const size = Number.parseInt(digits, base);
  return sign === '-' ? -size : size;
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '"': '"', '\\': '\\', '/': '/' };

/** The value of what is between the double quotes. */
export function unescapeDouble(inner: string): string {
  if (!inner.includes('\\')) return inner;
  return inner.replace(/\\([\s\S])/g, (_, character: string) => SIMPLE_ESCAPES[character] ?? notCommon());
}

/** Where the quote that opens at `at` closes, on the same line. */
export function closingQuote(text: string, at: number): number {
  const quote = text.charCodeAt(at);
  for (let index = at + 1; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === NEWLINE) break;
    if (code === BACKSLASH && quote === DOUBLE_QUOTE) index += 1;
    else if (code === quote) {
      if (quote === DOUBLE_QUOTE || text.charCodeAt(index + 1) !== quote) return index;
      index += 1;
    }
  }
  return notCommon();
}

/** What a quoted scalar says. `close`: where it ends. */
export function quotedValue(text: string, at: number, close: number): string {
  const inner = text.slice(at + 1, close);
  return text.charCodeAt(at) === DOUBLE_QUOTE ? unescapeDouble(inner) : inner.replaceAll("''", "'");
}

export const NEWLINE = 10;
export const SPACE = 32;
export const DOUBLE_QUOTE = 34;
export const HASH = 35;
export const SINGLE_QUOTE = 39;
export const COLON = 58;
export const DASH = 45;
const BACKSLASH = 92;

/** What no plain scalar starts with (YAML 1.2, 5.3 and 7.3.3), besides "?", ":" and "-" before a space. */
const INDICATORS = new Set([...',[]{}#&*!|>\'"%@`'].map((character) => character.charCodeAt(0)));

/** True when a plain scalar may start there. */
export function startsPlain(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (INDICATORS.has(code)) return false;
  if (code !== DASH && code !== COLON && code !== 63) return true;
  return !isBreak(text, at + 1);
}

/** True for a space, an end of a line and the end of the text. */
export function isBreak(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === SPACE || code === NEWLINE || at >= text.length;
}
