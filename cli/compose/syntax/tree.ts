/** A compose file as a tree whose every value knows where it was written. */

export interface Position {
  readonly file: string;
  /** 1-based */
  readonly line: number;
  readonly column: number;
}

export interface Scalar {
  readonly kind: 'scalar';
  readonly position: Position;
  /** As written, without quotes; of a null written as nothing, "". */
  readonly text: string;
  /** What YAML says it is; a quoted value is always a string. */
  readonly value: string | number | boolean | null;
  readonly quoted: boolean;
}

export interface Sequence {
  readonly kind: 'sequence';
  readonly position: Position;
  readonly items: readonly Tree[];
}

export interface Entry {
  readonly key: string;
  readonly keyPosition: Position;
  readonly value: Tree;
}

export interface Mapping {
  readonly kind: 'mapping';
  readonly position: Position;
  readonly entries: ReadonlyMap<string, Entry>;
}

export type Tree = Scalar | Sequence | Mapping;

/** The kind of a value in words for a message. */
export function describe(tree: Tree): string {
  switch (tree.kind) {
    case 'mapping':
      return 'a mapping';
    case 'sequence':
      return 'a list';
    case 'scalar':
      return tree.value === null ? 'empty' : `"${tree.text}"`;
  }
}
