/** Where a compose file names files of the host: all values that are paths relative to its directory. */
import { isAbsolute, join, relative, resolve } from 'node:path';
import { isHostPath } from '../forms/mount.ts';
import { type Entry, type Mapping, type Scalar, type Tree, textIn } from '../syntax/tree.ts';

export type MovePath = (path: string) => string;

/** Paths that are relative to `from`, as paths relative to `to`; absolute ones and those of a home stay. */
export function movePaths(from: string, to: string): MovePath {
  return (path) => {
    if (isAbsolute(path) || path.startsWith('~') || WINDOWS_ABSOLUTE.test(path)) return path;
    const moved = relative(to, resolve(from, path));
    if (moved === '') return '.';
    return moved.startsWith('.') ? moved : `./${moved}`;
  };
}

/** Absolute paths; `~` is `home`, and stays when that isn't known. `~name` is below it: Compose knows no other homes. */
export function absolutePaths(directory: string, home: string | undefined): MovePath {
  return (path) => {
    if (path.startsWith('~')) return home === undefined ? path : join(home, path.slice(1));
    return WINDOWS_ABSOLUTE.test(path) ? path : resolve(directory, path);
  };
}

const WINDOWS_ABSOLUTE = /^[A-Za-z]:[\\/]/;

/** A path as the user knows it: those below the project's directory as they are from there. */
export function shownPath(path: string, directory: string): string {
  const shown = relative(directory, resolve(directory, path));
  return shown === '' || shown.startsWith('..') ? path : shown;
}

/** All paths of a file. */
export function mapPaths(tree: Mapping, move: MovePath): Mapping {
  let mapped = tree;
  const fileOf = (resource: Tree) => atKey(resource, 'file', (file) => words(file, move));
  mapped = atEach(mapped, 'services', (service) => mapServicePaths(service, move));
  mapped = atEach(mapped, 'configs', fileOf);
  mapped = atEach(mapped, 'secrets', fileOf);
  return atEach(mapped, 'volumes', (volume) => (isLocalBind(volume) ? bindDevice(volume, move) : volume));
}

/** All paths of a service. */
export function mapServicePaths(service: Tree, move: MovePath): Tree {
  let mapped = service;
  mapped = atKey(mapped, 'build', (build) => buildPaths(build, move));
  mapped = atKey(mapped, 'env_file', (files) => each(files, (file) => pathOrField(file, 'path', move)));
  mapped = atKey(mapped, 'label_file', (files) => each(files, (file) => words(file, move)));
  mapped = atKey(mapped, 'volumes', (volumes) => each(volumes, (volume) => mountPath(volume, move)));
  return atKey(mapped, 'develop', (develop) =>
    atKey(develop, 'watch', (watch) => each(watch, (item) => atKey(item, 'path', (path) => words(path, move)))),
  );
}

function buildPaths(build: Tree, move: MovePath): Tree {
  const context = (tree: Tree) => words(tree, (path) => (isRemoteContext(path) ? path : move(path)));
  if (build.kind === 'scalar') return context(build);
  let mapped = atKey(build, 'context', context);
  mapped = atKey(mapped, 'additional_contexts', (contexts) => values(contexts, context));
  return atKey(mapped, 'ssh', (keys) => values(keys, (key) => words(key, move)));
}

/** What a builder fetches itself, and what other services build. */
export function isRemoteContext(path: string): boolean {
  return /:\/\/|^git@|^github\.com\/|^service:/.test(path);
}

function mountPath(volume: Tree, move: MovePath): Tree {
  if (volume.kind === 'mapping') {
    return textIn(volume, 'type') === 'bind' ? atKey(volume, 'source', (source) => words(source, move)) : volume;
  }
  return words(volume, (text) => {
    const colon = text.indexOf(':');
    const isShortBind = colon > 0 && isHostPath(text) && !/^[A-Za-z]:/.test(text);
    return isShortBind ? `${move(text.slice(0, colon))}${text.slice(colon)}` : text;
  });
}

function isLocalBind(volume: Tree): boolean {
  const options = volume.kind === 'mapping' ? volume.entries.get('driver_opts')?.value : undefined;
  return textIn(volume, 'driver') === 'local' && textIn(options, 'o') === 'bind';
}

function bindDevice(volume: Tree, move: MovePath): Tree {
  return atKey(volume, 'driver_opts', (options) => atKey(options, 'device', (device) => words(device, move)));
}

function pathOrField(tree: Tree, key: string, move: MovePath): Tree {
  return tree.kind === 'mapping' ? atKey(tree, key, (path) => words(path, move)) : words(tree, move);
}

// ---- parts of trees ----

function words(tree: Tree, change: (text: string) => string): Tree {
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string' || tree.text === '') return tree;
  const text = change(tree.text);
  const changed: Scalar = { ...tree, text, value: text };
  return text === tree.text ? tree : changed;
}

function each(tree: Tree, change: (item: Tree) => Tree): Tree {
  return tree.kind === 'sequence' ? { ...tree, items: tree.items.map(change) } : change(tree);
}

/** Of `KEY: value` and of `KEY=value`. */
function values(tree: Tree, change: (value: Tree) => Tree): Tree {
  if (tree.kind === 'mapping') {
    return withEntries(
      tree,
      [...tree.entries.values()].map((entry) => ({ ...entry, value: change(entry.value) })),
    );
  }
  return each(tree, (item) =>
    words(item, (text) => {
      const equals = text.indexOf('=');
      if (equals < 0 || item.kind !== 'scalar') return text;
      const rest = text.slice(equals + 1);
      const changed = change({ ...item, text: rest, value: rest });
      return changed.kind === 'scalar' ? `${text.slice(0, equals + 1)}${changed.text}` : text;
    }),
  );
}

function atKey<T extends Tree>(tree: T, key: string, change: (value: Tree) => Tree): T {
  const entry = tree.kind === 'mapping' ? tree.entries.get(key) : undefined;
  if (entry === undefined || tree.kind !== 'mapping') return tree;
  const value = change(entry.value);
  return value === entry.value ? tree : { ...tree, entries: new Map(tree.entries).set(key, { ...entry, value }) };
}

function atEach<T extends Tree>(tree: T, key: string, change: (value: Tree) => Tree): T {
  return atKey(tree, key, (section) =>
    section.kind === 'mapping'
      ? withEntries(
          section,
          [...section.entries.values()].map((entry) => ({ ...entry, value: change(entry.value) })),
        )
      : section,
  );
}

function withEntries(tree: Mapping, entries: readonly Entry[]): Mapping {
  return { ...tree, entries: new Map(entries.map((entry) => [entry.key, entry])) };
}
