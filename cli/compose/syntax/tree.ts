/** A compose file as a tree whose every value knows where it was written. */

export interface Position {
  readonly file: string;
  /** 1-based */
  readonly line: number;
  readonly column: number;
}

/** `!reset`: what earlier files say is dropped; `!override`: it is replaced instead of merged (Compose specification, 13). */
export type MergeTag = 'reset' | 'override';

export interface Scalar {
  readonly kind: 'scalar';
  readonly position: Position;
  readonly tag?: MergeTag;
  /** As written, without quotes; of a null written as nothing, "". */
  readonly text: string;
  /** What YAML says it is; a quoted value is always a string. */
  readonly value: string | number | boolean | null;
  readonly quoted: boolean;
}

export interface Sequence {
  readonly kind: 'sequence';
  readonly position: Position;
  readonly tag?: MergeTag;
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
  readonly tag?: MergeTag;
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

export function isNull(tree: Tree): boolean {
  return tree.kind === 'scalar' && tree.value === null;
}

/** The same text for all values that say the same, wherever and in whichever order they are written. */
export function contentOf(tree: Tree): string {
  switch (tree.kind) {
    case 'scalar':
      return JSON.stringify(tree.value);
    case 'sequence':
      return `[${tree.items.map(contentOf).join()}]`;
    case 'mapping': {
      const entries = [...tree.entries].sort(([a], [b]) => (a < b ? -1 : 1));
      return `{${entries.map(([key, { value }]) => `${JSON.stringify(key)}:${contentOf(value)}`).join()}}`;
    }
  }
}

/** What a mapping says at the key, if that is one value. */
export function textIn(tree: Tree | undefined, key: string): string | undefined {
  const value = tree?.kind === 'mapping' ? tree.entries.get(key)?.value : undefined;
  return value?.kind === 'scalar' && value.value !== null ? value.text : undefined;
}

/** A string that isn't written in any file: what it stands for is at `position`. */
export function textAt(position: Position, text: string): Scalar {
  return { kind: 'scalar', position, text, value: text, quoted: true };
}

export function nullAt(position: Position): Scalar {
  return { kind: 'scalar', position, text: '', value: null, quoted: false };
}

export function mappingAt(position: Position, values: Readonly<Record<string, Tree>>): Mapping {
  const entries = Object.entries(values).map(([key, value]): [string, Entry] => [
    key,
    { key, keyPosition: value.position, value },
  ]);
  return { kind: 'mapping', position, entries: new Map(entries) };
}

/** Where the value is; of one that is missing, the nearest around it. Items of lists are numbered from 0, or named. */
export function locate(tree: Mapping, path: readonly string[]): Position {
  let position: Position = tree.position;
  let value: Tree = tree;
  for (const key of path) {
    if (value.kind === 'sequence') {
      const item: Tree | undefined = /^\d+$/.test(key)
        ? value.items[Number(key)]
        : value.items.find((one) => one.kind === 'scalar' && one.text === key);
      if (item === undefined) break;
      position = item.position;
      value = item;
    } else {
      const entry: Entry | undefined = value.kind === 'mapping' ? value.entries.get(key) : undefined;
      if (entry === undefined) break;
      position = entry.keyPosition;
      value = entry.value;
    }
  }
  return position;
}
