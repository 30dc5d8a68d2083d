/** Where the parts of a file are, and how many of them there are. */
import type { Position, Scalar, Tree } from '../tree.ts';
import { notCommon, plainValue } from './scalars.ts';

/** Above it, the library's way counts and complains. */
const MAX_DEPTH = 60;
const MAX_NODES = 190_000;

interface Anchored {
  readonly tree: Tree;
  readonly nodes: number;
  /** Levels below it. */
  readonly height: number;
}

export class Places {
  readonly text: string;
  readonly #anchors = new Map<string, Anchored>();
  readonly #file: string;
  /** Of the present line, from 1. */
  line = 1;
  /** Where it starts. */
  lineStart = 0;
  nodes = 0;
  /** The deepest node so far. */
  deepest = 0;

  constructor(file: string, text: string) {
    this.#file = file;
    this.text = text;
  }

  /** Of a place in the present line. */
  at(offset: number): Position {
    return { file: this.#file, line: this.line, column: offset - this.lineStart + 1 };
  }

  /** As `at`, for what counts. */
  node(offset: number, depth: number): Position {
    this.count(1, depth);
    return this.at(offset);
  }

  count(nodes: number, depth: number): void {
    this.nodes += nodes;
    if (depth > this.deepest) this.deepest = depth;
    if (this.nodes > MAX_NODES || depth > MAX_DEPTH) notCommon();
  }

  /** For the aliases behind it. `before`: how many nodes there were before it. */
  anchor(name: string, tree: Tree, before: number, height: number): void {
    this.#anchors.set(name, { tree, nodes: this.nodes - before, height });
  }

  /** What the anchor stands at; its parts are shared, but count. */
  alias(offset: number, name: string, depth: number): Tree {
    const anchored = this.#anchors.get(name) ?? notCommon();
    this.count(anchored.nodes + 1, depth + 1 + anchored.height);
    return { ...anchored.tree, position: this.at(offset) };
  }

  plain(offset: number, text: string, depth: number): Scalar {
    return { kind: 'scalar', position: this.node(offset, depth), text, value: plainValue(text), quoted: false };
  }

  quoted(offset: number, text: string, depth: number): Scalar {
    return { kind: 'scalar', position: this.node(offset, depth), text, value: text, quoted: true };
  }
}
