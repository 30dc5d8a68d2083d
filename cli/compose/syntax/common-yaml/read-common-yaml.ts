/**
 * The YAML that most compose files are written in, read in one pass: block mappings and lists, scalars of one line, blocks
 * of text, flow collections, anchors, aliases, merge keys and the tags of merging. The YAML library needs
 * twenty times as long for a large file. It still decides on all else, and on everything that is wrong: this reader says nothing
 * then. That both read the same is tested with random text.
 */
import type { Entry, Mapping, MergeTag, Tree } from '../tree.ts';
import { mergeInto } from '../yaml-merge-key.ts';
import { FlowReader } from './flow.ts';

import { Places } from './places.ts';
import {
  COLON,
  closingQuote,
  DASH,
  DOUBLE_QUOTE,
  HASH,
  isBreak,
  NEWLINE,
  NotCommonError,
  notCommon,
  quotedValue,
  SINGLE_QUOTE,
  SPACE,
  startsPlain,
} from './scalars.ts';
import { readTextBlock } from './text-block.ts';

/** Of a document that says that it is one. */
const START = '---\n';

/** Undefined: it holds something else. */
export function readCommonYaml(file: string, text: string): Mapping | undefined {
  const start = text.startsWith(START) ? START.length : 0;
  const marks = /[\r\t\uFEFF\0]|^(?:---|\.\.\.|%)/gm;
  marks.lastIndex = start;
  if (marks.test(text)) return undefined;
  const places = new Places(file, text);
  places.lineStart = start;
  places.line = start === 0 ? 1 : 2;
  try {
    return new BlockReader(places).document();
  } catch (error) {
    if (error instanceof NotCommonError) return undefined;
    throw error;
  }
}

interface Properties {
  readonly anchor: string | undefined;
  readonly tag: MergeTag | undefined;
}

const NO_PROPERTIES: Properties = { anchor: undefined, tag: undefined };
const PROPERTY = /(?:&([\w.-]+)|!(reset|override))(?=[ \n]|$)/y;
const ALIAS = /\*([\w.-]+)(?= *(?:\n|$| #))/y;

class BlockReader {
  readonly #places: Places;
  readonly #text: string;
  readonly #flow: FlowReader;
  #at = 0;
  /** Of the present line: what it is indented by. -1: the text has ended. */
  #indent = 0;

  constructor(places: Places) {
    this.#places = places;
    this.#text = places.text;
    this.#flow = new FlowReader(places);
  }

  document(): Mapping {
    this.#nextLine();
    if (this.#indent !== 0) notCommon();
    const tree = this.#mapping(0, 0);
    if (!this.#isEnd()) notCommon();
    return tree;
  }

  #isEnd(): boolean {
    return this.#indent === -1;
  }

  // ---- lines ----

  /** To the next line that says something: from the start of one. */
  #nextLine(): void {
    const text = this.#text;
    for (;;) {
      const start = this.#places.lineStart;
      let at = start;
      while (text.charCodeAt(at) === SPACE) at += 1;
      const code = text.charCodeAt(at);
      if (at >= text.length) {
        this.#indent = -1;
        this.#at = at;
        return;
      }
      if (code !== NEWLINE && code !== HASH) {
        this.#indent = at - start;
        this.#at = at;
        return;
      }
      this.#startLine(code === NEWLINE ? at : this.#endOfLine(at));
    }
  }

  /** `newline`: the end of the line before it. */
  #startLine(newline: number): void {
    this.#places.lineStart = newline + 1;
    this.#places.line += 1;
  }

  #endOfLine(from: number): number {
    const newline = this.#text.indexOf('\n', from);
    return newline === -1 ? this.#text.length : newline;
  }

  /** True when nothing but a comment follows in the line. */
  #isLineEnd(at: number): boolean {
    const code = this.#text.charCodeAt(at);
    return code === NEWLINE || at >= this.#text.length || (code === HASH && this.#text.charCodeAt(at - 1) === SPACE);
  }

  /** Behind a value, to the next line; one that is indented deeper than `indent` would belong to the value. */
  #finishLine(at: number, indent: number): void {
    const end = this.#skipSpaces(at);
    if (!this.#isLineEnd(end)) notCommon();
    this.#startLine(this.#endOfLine(end));
    this.#nextLine();
    if (this.#indent > indent) notCommon();
  }

  #skipSpaces(at: number): number {
    let index = at;
    while (this.#text.charCodeAt(index) === SPACE) index += 1;
    return index;
  }

  // ---- collections ----

  /** From its first key, at the present place. */
  #mapping(indent: number, depth: number): Mapping {
    const position = this.#places.node(this.#at, depth);
    const entries = new Map<string, Entry>();
    const merged: Tree[] = [];
    do {
      const key = this.#key();
      const keyPosition = this.#places.at(this.#at);
      const value = this.#value(key.end, indent, depth + 1, true);
      if (key.text === '<<' && !key.isQuoted) {
        if (merged.length > 0 || entries.has('<<')) notCommon();
        merged.push(value);
      } else if (entries.has(key.text)) notCommon();
      else entries.set(key.text, { key: key.text, keyPosition, value });
    } while (this.#indent === indent);
    if (this.#indent > indent) notCommon();
    const [sources] = merged;
    if (sources !== undefined && !mergeInto(entries, sources)) notCommon();
    return { kind: 'mapping', position, entries };
  }

  /** The key at the present place. `end`: behind its colon. */
  #key(): { readonly text: string; readonly isQuoted: boolean; readonly end: number } {
    const text = this.#text;
    const start = this.#at;
    const code = text.charCodeAt(start);
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      const close = closingQuote(text, start);
      const colon = this.#skipSpaces(close + 1);
      if (text.charCodeAt(colon) !== COLON || !isBreak(text, colon + 1)) notCommon();
      return { text: quotedValue(text, start, close), isQuoted: true, end: colon + 1 };
    }
    const colon = this.#colonOfKey(start);
    if (colon === -1) notCommon();
    return { text: text.slice(start, colon).trimEnd(), isQuoted: false, end: colon + 1 };
  }

  /** Where the plain key that starts there ends; -1: there is none. */
  #colonOfKey(start: number): number {
    const text = this.#text;
    if (!startsPlain(text, start)) return -1;
    for (let index = start; index < text.length && index - start < 1000; index += 1) {
      const code = text.charCodeAt(index);
      if (code === COLON && isBreak(text, index + 1)) return index;
      if (code === NEWLINE || (code === HASH && text.charCodeAt(index - 1) === SPACE)) return -1;
    }
    return -1;
  }

  /** From its first dash. */
  #sequence(indent: number, depth: number): Tree {
    const position = this.#places.node(this.#at, depth);
    const items: Tree[] = [];
    do {
      items.push(this.#value(this.#at + 1, indent, depth + 1, false));
    } while (this.#indent === indent && this.#isDash(this.#at));
    if (this.#indent > indent) notCommon();
    return { kind: 'sequence', position, items };
  }

  #isDash(at: number): boolean {
    return this.#text.charCodeAt(at) === DASH && isBreak(this.#text, at + 1);
  }

  // ---- values ----

  /** What follows the colon of a key, or a dash, of a collection that is indented by `indent`. */
  #value(from: number, indent: number, depth: number, isOfKey: boolean): Tree {
    const before = this.#places.nodes;
    let start = this.#skipSpaces(from);
    const properties = this.#properties(start);
    const isBare = properties === NO_PROPERTIES;
    if (!isBare) start = this.#skipSpaces(this.#at);
    const outerDeepest = this.#places.deepest;
    this.#places.deepest = depth;
    const tree = this.#isLineEnd(start)
      ? this.#below(start, indent, depth, isOfKey)
      : this.#inline(start, indent, depth, isOfKey, isBare);
    const height = this.#places.deepest - depth;
    this.#places.deepest = Math.max(outerDeepest, this.#places.deepest);
    const tagged = properties.tag === undefined ? tree : { ...tree, tag: properties.tag };
    if (properties.anchor !== undefined) {
      this.#places.anchor(properties.anchor, tagged, before, height);
    }
    return tagged;
  }

  /** Leaves `#at` behind them. */
  #properties(start: number): Properties {
    let found = NO_PROPERTIES;
    for (let at = start; ; at = this.#skipSpaces(this.#at)) {
      PROPERTY.lastIndex = at;
      const match = PROPERTY.exec(this.#text);
      if (match === null) return found;
      const [whole, anchor, tag] = match;
      const isTwice = (anchor === undefined ? found.tag : found.anchor) !== undefined;
      if (isTwice) notCommon();
      found = { anchor: anchor ?? found.anchor, tag: (tag as MergeTag | undefined) ?? found.tag };
      this.#at = at + whole.length;
    }
  }

  /** In the lines below, if they are indented deeper; else nothing. */
  #below(end: number, indent: number, depth: number, isOfKey: boolean): Tree {
    const position = this.#places.at(end);
    this.#startLine(this.#endOfLine(end));
    this.#nextLine();
    const isIndentless = isOfKey && this.#indent === indent && this.#isDash(this.#at);
    if (this.#indent <= indent && !isIndentless) {
      this.#places.count(1, depth);
      return { kind: 'scalar', position, text: '', value: null, quoted: false };
    }
    if (this.#isDash(this.#at)) return this.#sequence(this.#indent, depth);
    // An anchor in a line of its own, or a flow collection.
    if (/[&[{]/.test(this.#text[this.#at] ?? '')) return this.#value(this.#at, indent, depth, isOfKey);
    return this.#mapping(this.#indent, depth);
  }

  /** In the same line. */
  #inline(start: number, indent: number, depth: number, isOfKey: boolean, isBare: boolean): Tree {
    const text = this.#text;
    switch (text[start]) {
      case '"':
      case "'": {
        const close = closingQuote(text, start);
        const colon = this.#skipSpaces(close + 1);
        if (text.charCodeAt(colon) === COLON) return this.#compact(start, depth, !isOfKey && isBare);
        const tree = this.#places.quoted(start, quotedValue(text, start, close), depth);
        this.#finishLine(close + 1, indent);
        return tree;
      }
      case '[':
      case '{': {
        const tree = this.#flow.read(start, indent, depth);
        this.#finishLine(this.#flow.at, indent);
        return tree;
      }
      case '*':
        return isBare ? this.#alias(start, indent, depth) : notCommon();
      case '|':
      case '>': {
        const { tree, end } = readTextBlock(this.#places, start, indent, depth);
        this.#places.lineStart = end;
        this.#nextLine();
        if (this.#indent > indent) notCommon();
        return tree;
      }
      default:
        return this.#plainOrCompact(start, indent, depth, !isOfKey && isBare);
    }
  }

  #plainOrCompact(start: number, indent: number, depth: number, mayBeCompact: boolean): Tree {
    if (this.#isDash(start) || this.#colonOfKey(start) !== -1) return this.#compact(start, depth, mayBeCompact);
    if (!startsPlain(this.#text, start)) notCommon();
    const end = this.#endOfPlain(start);
    const tree = this.#places.plain(start, this.#text.slice(start, end).trimEnd(), depth);
    this.#finishLine(end, indent);
    return tree;
  }

  #endOfPlain(start: number): number {
    const end = this.#endOfLine(start);
    const comment = this.#text.slice(start, end).indexOf(' #');
    return comment === -1 ? end : start + comment;
  }

  /** `- key: value` and `- - item`. */
  #compact(start: number, depth: number, isAllowed: boolean): Tree {
    if (!isAllowed) notCommon();
    this.#at = start;
    const indent = start - this.#places.lineStart;
    return this.#isDash(start) ? this.#sequence(indent, depth) : this.#mapping(indent, depth);
  }

  #alias(start: number, indent: number, depth: number): Tree {
    ALIAS.lastIndex = start;
    const match = ALIAS.exec(this.#text);
    if (match === null) return notCommon();
    const tree = this.#places.alias(start, match[1] ?? '', depth);
    this.#finishLine(start + match[0].length, indent);
    return tree;
  }
}
