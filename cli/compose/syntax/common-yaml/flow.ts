/** Flow collections, of one line or several: [a, "b"], {a: b}. */
import type { Entry, Tree } from '../tree.ts';
import { mergeInto } from '../yaml-merge-key.ts';
import type { Places } from './places.ts';
import {
  COLON,
  closingQuote,
  DOUBLE_QUOTE,
  HASH,
  isBreak,
  NEWLINE,
  notCommon,
  quotedValue,
  SINGLE_QUOTE,
  SPACE,
  startsPlain,
} from './scalars.ts';

const STAR = 42;
const COMMA = 44;
const OPEN_ANGLE = 60;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_MAPPING = 123;
const CLOSE_MAPPING = 125;

function isFlowIndicator(code: number): boolean {
  return code === COMMA || code === OPEN_LIST || code === CLOSE_LIST || code === OPEN_MAPPING || code === CLOSE_MAPPING;
}

const ALIAS = /\*([\w.-]+)(?=[ \n,\]}])/y;

export class FlowReader {
  readonly #places: Places;
  readonly #text: string;
  /** Lines below the first must be indented deeper. */
  #indent = -1;
  /** Behind what was read. */
  at = 0;

  constructor(places: Places) {
    this.#places = places;
    this.#text = places.text;
  }

  /** The collection that opens at `at`, in a block that is indented by `indent`. */
  read(at: number, indent: number, depth: number): Tree {
    this.at = at;
    this.#indent = indent;
    return this.#text.charCodeAt(at) === OPEN_LIST ? this.#list(depth) : this.#mapping(depth);
  }

  #list(depth: number): Tree {
    const position = this.#places.node(this.at, depth);
    const items: Tree[] = [];
    this.at += 1;
    for (;;) {
      this.#skipBlanks();
      if (this.#text.charCodeAt(this.at) === CLOSE_LIST) break;
      items.push(this.#value(depth + 1));
      if (!this.#comma(CLOSE_LIST)) break;
    }
    this.at += 1;
    return { kind: 'sequence', position, items };
  }

  #mapping(depth: number): Tree {
    const position = this.#places.node(this.at, depth);
    const entries = new Map<string, Entry>();
    let merged: Tree | undefined;
    this.at += 1;
    for (;;) {
      this.#skipBlanks();
      if (this.#text.charCodeAt(this.at) === CLOSE_MAPPING) break;
      const isPlainKey = this.#text.charCodeAt(this.at) === OPEN_ANGLE;
      const entry = this.#entry(depth);
      if (entries.has(entry.key) || (entry.key === '<<' && (!isPlainKey || merged !== undefined))) notCommon();
      if (entry.key === '<<') merged = entry.value;
      else entries.set(entry.key, entry);
      if (!this.#comma(CLOSE_MAPPING)) break;
    }
    this.at += 1;
    if (merged !== undefined && !mergeInto(entries, merged)) notCommon();
    return { kind: 'mapping', position, entries };
  }

  #entry(depth: number): Entry {
    const start = this.at;
    const keyPosition = this.#places.at(start);
    const code = this.#text.charCodeAt(start);
    const isQuoted = code === DOUBLE_QUOTE || code === SINGLE_QUOTE;
    const key = isQuoted ? this.#quoted() : this.#plain();
    while (this.#text.charCodeAt(this.at) === SPACE) this.at += 1;
    if (this.#text.charCodeAt(this.at) !== COLON) notCommon();
    this.at += 1;
    while (this.#text.charCodeAt(this.at) === SPACE) this.at += 1;
    const next = this.#text.charCodeAt(this.at);
    if (next === NEWLINE) notCommon();
    if (next !== COMMA && next !== CLOSE_MAPPING) return { key, keyPosition, value: this.#value(depth + 1) };
    return { key, keyPosition, value: { ...this.#places.plain(this.at, '', depth + 1) } };
  }

  #value(depth: number): Tree {
    const start = this.at;
    const code = this.#text.charCodeAt(start);
    if (code === OPEN_LIST) return this.#list(depth);
    if (code === OPEN_MAPPING) return this.#mapping(depth);
    if (code === STAR) return this.#alias(depth);
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      return this.#places.quoted(start, this.#quoted(), depth);
    }
    return this.#places.plain(start, this.#plain(), depth);
  }

  #alias(depth: number): Tree {
    ALIAS.lastIndex = this.at;
    const match = ALIAS.exec(this.#text);
    if (match === null) return notCommon();
    const tree = this.#places.alias(this.at, match[1] ?? '', depth);
    this.at += match[0].length;
    return tree;
  }

  #quoted(): string {
    const start = this.at;
    const close = closingQuote(this.#text, start);
    this.at = close + 1;
    return quotedValue(this.#text, start, close);
  }

  /** Not empty. */
  #plain(): string {
    const start = this.at;
    if (!startsPlain(this.#text, start)) notCommon();
    for (; this.at < this.#text.length; this.at += 1) {
      const code = this.#text.charCodeAt(this.at);
      if (isFlowIndicator(code) || code === NEWLINE) break;
      if (code === COLON) {
        if (isBreak(this.#text, this.at + 1)) break;
        if (isFlowIndicator(this.#text.charCodeAt(this.at + 1))) notCommon();
      }
      if (code === HASH && this.#text.charCodeAt(this.at - 1) === SPACE) break;
    }
    return this.#text.slice(start, this.at).trimEnd();
  }

  /** False: the collection ends here. */
  #comma(close: number): boolean {
    this.#skipBlanks();
    const code = this.#text.charCodeAt(this.at);
    if (code === close) return false;
    if (code !== COMMA) notCommon();
    this.at += 1;
    return true;
  }

  /** Spaces, ends of lines and comments. */
  #skipBlanks(): void {
    for (;;) {
      while (this.#text.charCodeAt(this.at) === SPACE) this.at += 1;
      const code = this.#text.charCodeAt(this.at);
      if (code === HASH) {
        if (this.#text.charCodeAt(this.at - 1) !== SPACE && this.at !== this.#places.lineStart) notCommon();
        const newline = this.#text.indexOf('\n', this.at);
        this.at = newline === -1 ? notCommon() : newline;
      } else if (code === NEWLINE) {
        this.at += 1;
        this.#places.line += 1;
        this.#places.lineStart = this.at;
      } else {
        if (this.#places.lineStart + this.#indent >= this.at) notCommon();
        return;
      }
    }
  }
}
