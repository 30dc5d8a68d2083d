/** One compose file as it is read: parsed, its variables replaced. */
import { dirname } from 'node:path';
import { mergeTrees } from '../merge/merge-trees.ts';
import { interpolateTree } from '../syntax/interpolate-tree.ts';
import type { Lookup } from '../syntax/interpolation.ts';
import { parseYaml } from '../syntax/parse-yaml.ts';
import { type Problem, ProblemError } from '../syntax/problem.ts';
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
  /** The documents of each file. */
  readonly parsed: Map<string, readonly Mapping[]>;
  /** What variables are to those that have some of their own: "services.NAME", "configs.NAME", "secrets.NAME" of included projects. */
  readonly lookups: Map<string, Lookup>;
  /** How many values were read so far: each as often as it is. */
  values: number;
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

/** Its documents. Parsed once, however often it is named. */
export function parseFile(loading: Loading, file: ComposeFile): readonly Mapping[] {
  const known = loading.parsed.get(file.path);
  if (known !== undefined) return known;
  const name = file.path === '-' ? 'stdin' : file.name;
  const trees = parseYaml(name, readComposeText(file.path, file.name, loading.readBytes));
  loading.parsed.set(file.path, trees);
  return trees;
}

/** One for each document of the file: later ones are laid over earlier ones, as later files are. */
export function readLayers(loading: Loading, file: ComposeFile, lookup: Lookup, directory: string): Layer[] {
  return parseFile(loading, file).map((tree) => ({
    file,
    tree: interpolated(loading, tree, lookup),
    lookup,
    directory,
  }));
}

/** All documents of the file in one. */
export function readLayer(loading: Loading, file: ComposeFile, lookup: Lookup, directory: string): Layer {
  const trees = parseFile(loading, file).map((tree) => interpolated(loading, tree, lookup));
  const tree = trees.reduce((base, over) => mergeTrees(base, over, [], loading.problems) as Mapping);
  return { file, tree, lookup, directory };
}

/** Far above any real project, far below what memory has room for. */
const MAX_VALUES = 2_000_000;

function interpolated(loading: Loading, tree: Mapping, lookup: Lookup): Mapping {
  if (!loading.interpolates) return tree;
  const result = interpolateTree(tree, lookup);
  loading.values += result.nodes;
  if (loading.values > MAX_VALUES) {
    const message = `the files say more than ${MAX_VALUES} values together`;
    throw new ProblemError({ position: tree.position, key: '', message, hint: 'load fewer' });
  }
  for (const problem of result.problems) loading.problems.push(problem);
  for (const warning of result.warnings) loading.warnings.add(warning);
  return result.tree as Mapping;
}

export function directoryOf(file: ComposeFile): string {
  return dirname(file.path);
}
