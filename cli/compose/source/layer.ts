/** One compose file as it is read: parsed, its variables replaced. */
import { dirname } from 'node:path';
import { interpolateTree } from '../syntax/interpolate-tree.ts';
import type { Lookup } from '../syntax/interpolation.ts';
import { parseYaml } from '../syntax/parse-yaml.ts';
import type { Problem } from '../syntax/problem.ts';
import type { Mapping } from '../syntax/tree.ts';
import { type ReadBytes, readComposeText } from './files.ts';

export interface ComposeFile {
  /** Absolute, or "-" for standard input. */
  readonly path: string;
  /** As the user wrote it, for messages. */
  readonly name: string;
}

/** What all files of a project share. */
export interface Loading {
  readonly readBytes: ReadBytes;
  /** False: values keep their `${…}`. */
  readonly interpolates: boolean;
  readonly problems: Problem[];
  /** One line each. */
  readonly warnings: Set<string>;
  readonly parsed: Map<string, Mapping>;
  /** How many files were included so far: each as often as it is. */
  included: number;
}

/** A file and what its values mean. */
export interface Layer {
  readonly file: ComposeFile;
  readonly tree: Mapping;
  readonly lookup: Lookup;
  /** What its paths are relative to. */
  readonly directory: string;
}

/** Parsed once, however often it is named. */
export function parseFile(loading: Loading, file: ComposeFile): Mapping {
  const known = loading.parsed.get(file.path);
  if (known !== undefined) return known;
  const name = file.path === '-' ? 'stdin' : file.name;
  const tree = parseYaml(name, readComposeText(file.path, file.name, loading.readBytes));
  loading.parsed.set(file.path, tree);
  return tree;
}

export function readLayer(loading: Loading, file: ComposeFile, lookup: Lookup, directory: string): Layer {
  const tree = parseFile(loading, file);
  if (!loading.interpolates) return { file, tree, lookup, directory };
  const interpolated = interpolateTree(tree, lookup);
  for (const problem of interpolated.problems) loading.problems.push(problem);
  for (const warning of interpolated.warnings) loading.warnings.add(warning);
  return { file, tree: interpolated.tree as Mapping, lookup, directory };
}

export function directoryOf(file: ComposeFile): string {
  return dirname(file.path);
}
