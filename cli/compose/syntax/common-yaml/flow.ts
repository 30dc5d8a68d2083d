/** Flow collections of one line: [a, "b"], {a: b}. */
import type { Entry, Tree } from '../tree.ts';
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

const COMMA = 44;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_MAPPING = 123;
const CLOSE_MAPPING = 125;

function isFlowIndicator(code: number): boolean {
  return code === COMMA || code === OPEN_LIST || code === CLOSE_LIST || code === OPEN_MAPPING || code === CLOSE_MAPPING;
}

export class FlowReader {
  readonly #places: Places;
  readonly #text: string;
  /** Behind what was read. */
  at = 0;

  constructor(places: Places) {
    this.#places = places;
    this.#text = places.text;
  }

  /** The collection that opens at `at`. */
  read(at: number, depth: number): Tree {
    this.at = at;
    return this.#text.charCodeAt(at) === OPEN_LIST ? this.#list(depth) : this.#mapping(depth);
  }

  #list(depth: number): Tree {
    const position = this.#places.node(this.at, depth);
    const items: Tree[] = [];
    this.at += 1;
    for (;;) {
      this.#skipSpaces();
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
    this.at += 1;
    for (;;) {
      this.#skipSpaces();
      if (this.#text.charCodeAt(this.at) === CLOSE_MAPPING) break;
      const entry = this.#entry(depth);
      if (entry.key === '<<' || entries.has(entry.key)) notCommon();
      entries.set(entry.key, entry);
      if (!this.#comma(CLOSE_MAPPING)) break;
    }
    this.at += 1;
    return { kind: 'mapping', position, entries };
  }

  #entry(depth: number): Entry {
    const start = this.at;
    const keyPosition = this.#places.at(start);
    const code = this.#text.charCodeAt(start);
    const isQuoted = code === DOUBLE_QUOTE || code === SINGLE_QUOTE;
    const key = isQuoted ? this.#quoted() : this.#plain();
    if (this.#text.charCodeAt(this.at) !== COLON) notCommon();
    this.at += 1;
    this.#skipSpaces();
    const next = this.#text.charCodeAt(this.at);
    if (next === COMMA || next === CLOSE_MAPPING) notCommon();
    return { key, keyPosition, value: this.#value(depth + 1) };
  }

  #value(depth: number): Tree {
    const start = this.at;
    const code = this.#text.charCodeAt(start);
    if (code === OPEN_LIST) return this.#list(depth);
    if (code === OPEN_MAPPING) return this.#mapping(depth);
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      return this.#places.quoted(start, this.#quoted(), depth);
    }
    return this.#places.plain(start, this.#plain(), depth);
  }

  #quoted(): string {
    const start = this.at;
    const close = closingQuote(this.#text, start);
    this.at = close + 1;
    const value = quotedValue(this.#text, start, close);
    this.#skipSpaces();
    return value;
  }

  /** Not empty. */
  #plain(): string {
    const start = this.at;
    if (!startsPlain(this.#text, start)) notCommon();
    for (; ; this.at += 1) {
      const code = this.#text.charCodeAt(this.at);
      if (isFlowIndicator(code)) break;
      if (code === COLON) {
        if (isBreak(this.#text, this.at + 1)) break;
        if (isFlowIndicator(this.#text.charCodeAt(this.at + 1))) notCommon();
      }
      // A comment, or a value of several lines.
      if (code === HASH || code === NEWLINE || Number.isNaN(code)) notCommon();
    }
    return this.#text.slice(start, this.at).trimEnd();
  }

  /** False: the collection ends here. */
  #comma(close: number): boolean {
    const code = this.#text.charCodeAt(this.at);
    if (code === close) return false;
    if (code !== COMMA) notCommon();
    this.at += 1;
    return true;
  }

  #skipSpaces(): void {
    while (this.#text.charCodeAt(this.at) === SPACE) this.at += 1;
  }
}
