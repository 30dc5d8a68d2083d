/** `include:` of other compose files, each with a directory and variables of its own (Compose specification, 14-include). */
import { dirname, resolve } from 'node:path';
import { keyValueMapping } from '../forms/key-values.ts';
import { mergeTrees } from '../merge/merge-trees.ts';
import { settle } from '../merge/settle.ts';
import { Cursor } from '../syntax/cursor.ts';
import type { Lookup } from '../syntax/interpolation.ts';
import type { Problem } from '../syntax/problem.ts';
import { contentOf, type Entry, isNull, type Mapping, mappingAt, textAt } from '../syntax/tree.ts';
import { readVariableFiles, readVariables } from './files.ts';
import type { ComposeFile, Layer, Loading } from './layer.ts';
import { mapPaths, movePaths } from './paths.ts';

/** What of an included file becomes part of the one that includes it. */
const SECTIONS = ['services', 'networks', 'volumes', 'secrets', 'configs', 'models'] as const;

export interface Project {
  readonly files: readonly ComposeFile[];
  readonly lookup: Lookup;
  readonly directory: string;
  /** Of the files that are being read, from the first. */
  readonly chain: readonly string[];
}

/** Reads and merges the files of an included project. */
export type LoadProject = (loading: Loading, project: Project) => Mapping;

/** The file with all that it includes. `chain` ends with the file itself. */
export function applyIncludes(loading: Loading, layer: Layer, chain: readonly string[], load: LoadProject): Layer {
  const clause = layer.tree.entries.get('include');
  if (clause === undefined) return layer;
  const entries = new Map(layer.tree.entries);
  entries.delete('include');
  let tree: Mapping = { ...layer.tree, entries };
  const cursor = new Cursor(clause.value, 'include', loading.problems);
  if (cursor.isNull) return { ...layer, tree };
  cursor.attempt(() =>
    cursor.items((item) => {
      const included = loadItem(loading, layer, item, chain, load);
      tree = imported(tree, included, loading.problems);
    }),
  );
  return { ...layer, tree };
}

/** Far above any real project, far below what files that include others twice can blow up to. */
const MAX_INCLUDED = 1000;

const INCLUDE_KEYS = {
  honoured: new Set(['path', 'project_directory', 'env_file']),
  refused: new Map<string, string>(),
};

function loadItem(loading: Loading, layer: Layer, item: Cursor, chain: readonly string[], load: LoadProject): Mapping {
  const isShort = item.tree.kind === 'scalar';
  if (!isShort) item.checkKeys(INCLUDE_KEYS);
  const paths = isShort ? [item.string()] : (item.child('path')?.stringOrList() ?? []);
  const files = paths.map((name) => ({ path: resolve(layer.directory, name), name }));
  const [first] = files;
  if (first === undefined) throw item.problem('names no file', 'write "path: FILE"');
  for (const { path, name } of files) {
    if (!chain.includes(path)) continue;
    const circle = [...chain.slice(chain.indexOf(path)), path].join(' → ');
    throw item.problem(`files include each other in a circle: ${circle}`, `don't include ${name} here`);
  }
  for (const { path, name } of files) {
    if (loading.parsed.has(path) || loading.readBytes(path) !== undefined) continue;
    throw item.problem(`file "${name}" not found`, 'correct the path');
  }
  loading.included += files.length;
  if (loading.included > MAX_INCLUDED)
    throw item.problem(`more than ${MAX_INCLUDED} files are included`, 'include fewer');
  const named = isShort ? undefined : item.field('project_directory', (child) => child.string());
  const directory = named === undefined ? dirname(first.path) : resolve(layer.directory, named);
  const envFiles = isShort ? undefined : item.field('env_file', (child) => child.stringOrList());
  const lookup = lookupOf(loading, layer, directory, envFiles);
  const tree = settle(load(loading, { files, lookup, directory, chain }));
  if (lookup !== layer.lookup) noteLookup(loading, tree, lookup);
  const resolved = lookup === layer.lookup ? tree : withEnvironment(tree, lookup);
  return mapPaths(withBuildContexts(resolved), movePaths(directory, layer.directory));
}

function lookupOf(loading: Loading, layer: Layer, directory: string, envFiles: readonly string[] | undefined): Lookup {
  const { readBytes } = loading;
  const variables =
    envFiles === undefined
      ? readVariables(resolve(directory, '.env'), layer.lookup, readBytes)
      : readVariableFiles(
          envFiles.map((file) => resolve(layer.directory, file)),
          layer.lookup,
          readBytes,
        );
  if (variables === undefined || variables.size === 0) return layer.lookup;
  return (name) => layer.lookup(name) ?? variables.get(name);
}

/** What the file says itself of something that is included goes over it; of several that are included, the first counts. */
function imported(tree: Mapping, included: Mapping, problems: Problem[]): Mapping {
  const sections = new Map(tree.entries);
  for (const name of SECTIONS) {
    const from = included.entries.get(name);
    if (from?.value.kind !== 'mapping') continue;
    const own = sections.get(name);
    const entries = new Map(own?.value.kind === 'mapping' ? own.value.entries : []);
    for (const [key, entry] of from.value.entries) {
      const over = entries.get(key);
      entries.set(key, over === undefined ? entry : laidOver(entry, over, name, problems));
    }
    const value: Mapping = { kind: 'mapping', position: own?.value.position ?? from.value.position, entries };
    sections.set(name, { key: name, keyPosition: own?.keyPosition ?? from.keyPosition, value });
  }
  return { ...tree, entries: sections };
}

function laidOver(entry: Entry, over: Entry, section: string, problems: Problem[]): Entry {
  if (contentOf(entry.value) === contentOf(over.value)) return over;
  return { ...over, value: mergeTrees(entry.value, over.value, [section, entry.key], problems) };
}

/** For what is read later. What the included project includes itself has variables of its own already. */
function noteLookup(loading: Loading, tree: Mapping, lookup: Lookup): void {
  for (const section of ['services', 'configs', 'secrets'] as const) {
    const value = tree.entries.get(section)?.value;
    if (value?.kind !== 'mapping') continue;
    for (const name of value.entries.keys()) {
      const key = `${section}.${name}`;
      if (!loading.lookups.has(key)) loading.lookups.set(key, lookup);
    }
  }
}

/** The values that variables of the included project have; outside it they would have others. */
function withEnvironment(tree: Mapping, lookup: Lookup): Mapping {
  return mapServices(tree, (service) => {
    const environment = service.entries.get('environment');
    const mapping = environment === undefined ? undefined : keyValueMapping(environment.value);
    if (environment === undefined || mapping === undefined) return service;
    const entries = [...mapping.entries].map(([key, entry]): [string, Entry] => {
      const value = isNull(entry.value) ? lookup(key) : undefined;
      return [key, value === undefined ? entry : { ...entry, value: textAt(entry.keyPosition, value) }];
    });
    const value: Mapping = { ...mapping, entries: new Map(entries) };
    return { ...service, entries: new Map(service.entries).set('environment', { ...environment, value }) };
  });
}

/** A build without a context has the directory of its own project. */
function withBuildContexts(tree: Mapping): Mapping {
  return mapServices(tree, (service) => {
    const build = service.entries.get('build');
    if (build?.value.kind !== 'mapping' || build.value.entries.has('context')) return service;
    const context = mappingAt(build.keyPosition, { context: textAt(build.keyPosition, '.') });
    const value: Mapping = { ...build.value, entries: new Map([...build.value.entries, ...context.entries]) };
    return { ...service, entries: new Map(service.entries).set('build', { ...build, value }) };
  });
}

function mapServices(tree: Mapping, change: (service: Mapping) => Mapping): Mapping {
  const section = tree.entries.get('services');
  if (section?.value.kind !== 'mapping') return tree;
  const entries = [...section.value.entries].map(([key, entry]): [string, Entry] => [
    key,
    entry.value.kind === 'mapping' ? { ...entry, value: change(entry.value) } : entry,
  ]);
  const value: Mapping = { ...section.value, entries: new Map(entries) };
  return { ...tree, entries: new Map(tree.entries).set('services', { ...section, value }) };
}
