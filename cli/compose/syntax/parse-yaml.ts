/** YAML text → tree. Anchors, aliases and merge keys are resolved here; the size of the result is bounded. */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  visit,
  type YAMLMap,
  type Document as YamlDocument,
  type Scalar as YamlScalar,
} from 'yaml';
import { readCommonYaml } from './common-yaml/read-common-yaml.ts';
import { plainValue } from './common-yaml/scalars.ts';
import { type Problem, ProblemError } from './problem.ts';
import type { Entry, Mapping, MergeTag, Position, Scalar, Tree } from './tree.ts';
import { mergeInto } from './yaml-merge-key.ts';

/** Far above any real file, far below what aliases of aliases can blow up to. */
const MAX_NODES = 200_000;
const MAX_DEPTH = 64;
const MAX_BYTES = 8 * 1024 * 1024;

/** What the parser warns of when it meets one of the tags that merging takes care of. */
const MERGE_TAG = /^Unresolved tag: !(reset|override)\b/;

/** The documents of the file, at least one; those that are empty don't count. Throws ProblemError with the place of the first error. */
export function parseYaml(file: string, text: string): Mapping[] {
  const start = { file, line: 1, column: 1 };
  if (text.length > MAX_BYTES) {
    throw problem(start, `the file has ${text.length} characters`, `a compose file may have ${MAX_BYTES}`);
  }
  const common = readCommonYaml(file, text);
  return common === undefined ? parseAnyYaml(file, text) : [common];
}

/** With the library, which knows all of YAML. */
export function parseAnyYaml(file: string, text: string): Mapping[] {
  const start = { file, line: 1, column: 1 };
  const lines = new LineCounter();
  const documents = parseDocuments(start, text, lines);
  for (const document of documents) checkSyntax(file, lines, document);
  const trees = documents.flatMap((document) =>
    isEmpty(document) ? [] : [new Converter(file, lines, document).convert(document.contents as Node, 0)],
  );
  if (trees.length === 0) throw problem(start, 'the file is empty', 'it needs at least "services:"');
  return trees.map((tree) => {
    if (tree.kind === 'mapping') return tree;
    throw problem(tree.position, 'the file must be a mapping', 'start with "services:"');
  });
}

function parseDocuments(start: Position, text: string, lines: LineCounter): readonly YamlDocument[] {
  if (openBrackets(text) > MAX_BRACKETS) throw tooDeep(start);
  try {
    const parsed = parseAllDocuments(text, { lineCounter: lines, version: '1.2', merge: false, uniqueKeys: true });
    return Array.isArray(parsed) ? (parsed as YamlDocument[]) : [];
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep(start);
    throw error;
  }
}

/** More than anybody opens without closing them, also in text; the library takes seconds for a hundred thousand. */
const MAX_BRACKETS = 1000;

/** The most that are open at once. */
function openBrackets(text: string): number {
  let open = 0;
  let most = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 91 || code === 123) open += 1;
    else if ((code === 93 || code === 125) && open > 0) open -= 1;
    if (open > most) most = open;
  }
  return most;
}

function tooDeep(position: Position): ProblemError {
  return problem(position, 'values are nested too deeply', `${MAX_DEPTH} levels are allowed`);
}

/** What is between two "---" lines and says nothing. */
function isEmpty({ contents }: YamlDocument): boolean {
  return contents === null || (isScalar(contents) && contents.value === null && contents.source === '');
}

function checkSyntax(file: string, lines: LineCounter, document: YamlDocument): void {
  const error = document.errors[0] ?? document.warnings.find(({ message }) => !MERGE_TAG.test(message));
  if (error === undefined) return;
  const { line, col } = lines.linePos(error.pos[0]);
  const position = { file, line, column: col };
  const message = (error.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
  // The library goes down one call for each level, and says itself when there is no room for more.
  if (/Maximum call stack/.test(message)) throw tooDeep(position);
  if (error.code === 'TAG_RESOLVE_FAILED') {
    const tag = /!\S+/.exec(message)?.[0] ?? 'here';
    throw problem(position, `the tag ${tag} is unknown`, 'there are !reset and !override');
  }
  throw problem(position, `YAML: ${message}`, syntaxHint(error.code));
}

function syntaxHint(code: string): string {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'indent with spaces';
    case 'DUPLICATE_KEY':
      return 'remove one of the two';
    case 'BAD_INDENT':
    case 'MULTILINE_IMPLICIT_KEY':
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'check the indentation';
    default:
      return 'check the syntax here and in the line above';
  }
}

function problem(position: Position, message: string, hint: string): ProblemError {
  const value: Problem = { position, key: '', message, hint };
  return new ProblemError(value);
}

/** Found for all of them at once: asked for one, the library walks through the whole document. */
function aliasTargets(document: YamlDocument): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Node: (_, node) => {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.set(node.anchor, node);
        return;
      }
      const target = anchors.get(node.source);
      if (target !== undefined) targets.set(node, target);
    },
  });
  return targets;
}

const MERGE_TAGS: ReadonlyMap<string, MergeTag> = new Map([
  ['!reset', 'reset'],
  ['!override', 'override'],
]);

class Converter {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #targets: ReadonlyMap<Alias, Node>;
  #nodes = 0;

  constructor(file: string, lines: LineCounter, document: YamlDocument) {
    this.#file = file;
    this.#lines = lines;
    this.#targets = aliasTargets(document);
  }

  convert(node: Node, depth: number, at?: Position): Tree {
    const position = at ?? this.#position(node);
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES) throw problem(position, 'aliases make the file too large', 'use fewer aliases');
    if (depth > MAX_DEPTH) throw tooDeep(position);
    if (isAlias(node)) return this.convert(this.#resolve(node, position), depth + 1, position);
    const tag = MERGE_TAGS.get(node.tag ?? '');
    const tagged = tag === undefined ? {} : { tag };
    if (isMap(node)) return { ...this.#mapping(node, position, depth), ...tagged };
    if (isSeq(node)) {
      const items = node.items.map((item) => this.convert(item as Node, depth + 1));
      return { kind: 'sequence', position, items, ...tagged };
    }
    if (!isScalar(node)) throw problem(position, 'unexpected YAML node', 'write a mapping, a list or a value');
    return { ...scalar(node, position, tag !== undefined), ...tagged };
  }

  #resolve(alias: Alias, position: Position): Node {
    const target = this.#targets.get(alias);
    if (target === undefined) {
      throw problem(position, `unknown alias *${alias.source}`, `define &${alias.source} before it`);
    }
    return target;
  }

  #position(node: Node): Position {
    const { line, col } = this.#lines.linePos(node.range?.[0] ?? 0);
    return { file: this.#file, line, column: col };
  }

  #mapping(map: YAMLMap, position: Position, depth: number): Mapping {
    const entries = new Map<string, Entry>();
    const merged: Tree[] = [];
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      const keyPosition = this.#position(pair.key);
      if (!isScalar(pair.key)) throw problem(keyPosition, 'a key must be a plain word', 'write it on one line');
      const key = pair.key.type === 'PLAIN' ? (pair.key.source ?? '') : String(pair.key.value);
      const value: Tree =
        pair.value === null
          ? { kind: 'scalar', position: keyPosition, text: '', value: null, quoted: false }
          : this.convert(pair.value, depth + 1);
      if (key === '<<' && pair.key.type === 'PLAIN') merged.push(value);
      else entries.set(key, { key, keyPosition, value });
    }
    for (const value of merged) {
      if (!mergeInto(entries, value))
        throw problem(value.position, '"<<" merges mappings only', 'give it an alias of one');
    }
    return { kind: 'mapping', position, entries };
  }
}

/** What has a tag of YAML's is what the parser says; of other tags it takes the value for a string. */
function scalar(node: YamlScalar, position: Position, isTagged: boolean): Scalar {
  const quoted = node.type !== 'PLAIN';
  const text = quoted ? String(node.value) : (node.source ?? '');
  const isOurs = !quoted && (isTagged || node.tag === undefined);
  const value = isOurs ? plainValue(text) : (node.value as Scalar['value']);
  return { kind: 'scalar', position, text, value, quoted };
}
