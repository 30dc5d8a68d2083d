/** The files of a project → one tree: read, interpolated, extended, included and merged. */
import { dirname, resolve } from 'node:path';
import { GantryError } from '../../../proto/errors.ts';
import { mergeTrees } from '../merge/merge-trees.ts';
import { settle } from '../merge/settle.ts';
import type { Lookup } from '../syntax/interpolation.ts';
import type { Problem } from '../syntax/problem.ts';
import type { Entry, Mapping } from '../syntax/tree.ts';
import { applyExtends } from './extends.ts';
import { findComposeFiles, type ReadBytes, readVariableFiles, readVariables, type Variables } from './files.ts';
import { applyIncludes, type Project } from './include.ts';
import { type ComposeFile, type Loading, parseFile, readLayers } from './layer.ts';
import { allProfiles, withActiveProfiles, withProfilesOf } from './profiles.ts';
import { projectName } from './project-name.ts';

export interface SourceOptions {
  /** Paths, or "-" for standard input; none: COMPOSE_FILE, else what is found by name. */
  readonly files: readonly string[];
  readonly projectName: string | undefined;
  /** Undefined: the directory of the first file. */
  readonly projectDirectory: string | undefined;
  /** None: COMPOSE_ENV_FILES, else `.env` of the project's directory. */
  readonly envFiles: readonly string[];
  /** None: COMPOSE_PROFILES. */
  readonly profiles: readonly string[];
  /** Services that the user has named: their profiles are active, too. */
  readonly named?: readonly string[];
  /** False: values keep their `${…}`. */
  readonly interpolates: boolean;
  readonly workingDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readBytes: ReadBytes;
}

export interface Source {
  readonly name: string;
  /** Services of inactive profiles aren't in it. */
  readonly tree: Mapping;
  /** Those services. */
  readonly inactive: readonly Entry[];
  readonly directory: string;
  /** The shell's variables, then those of files. */
  readonly lookup: Lookup;
  /** The variables of an included project for what is from there, those of the project for all else. */
  readonly lookupFor: (section: 'services' | 'configs' | 'secrets', name: string) => Lookup;
  /** All that `lookup` knows. */
  readonly variables: Readonly<Record<string, string>>;
  readonly profiles: readonly string[];
  readonly problems: Problem[];
  readonly warnings: readonly string[];
}

/** Throws GantryError or ProblemError for what nothing can be read from. */
export function loadSource(options: SourceOptions): Source {
  const found = findProject(options);
  const loading: Loading = {
    readBytes: options.readBytes,
    interpolates: options.interpolates,
    problems: [],
    warnings: new Set(),
    parsed: new Map(),
    lookups: new Map(),
    values: 0,
    included: 0,
  };
  const trees = found.files.flatMap((file) => parseFile(loading, file));
  const name = projectName(options.projectName, trees, found.lookup, found.directory);
  const lookup: Lookup = (key) => (key === 'COMPOSE_PROJECT_NAME' ? name : found.lookup(key));
  const merged = loadProject(loading, { files: found.files, lookup, directory: found.directory, chain: [] });
  const whole = settle(merged);
  const asked = options.profiles.length > 0 ? options.profiles : split(lookup('COMPOSE_PROFILES') ?? '', ',');
  const active = withProfilesOf(whole, options.named ?? [], new Set(asked));
  return {
    name,
    ...withActiveProfiles(whole, active, loading.problems),
    directory: found.directory,
    lookup,
    lookupFor: (section, key) => loading.lookups.get(`${section}.${key}`) ?? lookup,
    variables: { ...found.variables, COMPOSE_PROJECT_NAME: name },
    profiles: allProfiles(whole),
    problems: loading.problems,
    warnings: [...loading.warnings, ...[...loading.parsed.values()].flat().flatMap(deprecations)],
  };
}

function deprecations(tree: Mapping): string[] {
  const version = tree.entries.get('version');
  if (version === undefined) return [];
  const { file, line } = version.keyPosition;
  return [`${file}:${line}: "version" is obsolete and has no effect; remove it`];
}

/** The files one after the other, each over those before it. */
function loadProject(loading: Loading, { files, lookup, directory, chain }: Project): Mapping {
  let merged: Mapping | undefined;
  for (const file of files) {
    for (const document of readLayers(loading, file, lookup, directory)) {
      const whole = applyIncludes(loading, document, [...chain, file.path], loadProject);
      const { tree } = applyExtends(loading, whole);
      merged = merged === undefined ? tree : (mergeTrees(merged, tree, [], loading.problems) as Mapping);
    }
  }
  if (merged === undefined) throw new GantryError('INVALID_ARGUMENT', 'no compose file given', { hint: 'add -c FILE' });
  return merged;
}

interface Found {
  readonly files: readonly ComposeFile[];
  readonly directory: string;
  readonly lookup: Lookup;
  readonly variables: Readonly<Record<string, string>>;
}

/** A `.env` file says where the compose file is, if nothing else does; and one beside that file adds to it. */
function findProject(options: SourceOptions): Found {
  const { workingDirectory: cwd, env, readBytes } = options;
  const shell: Lookup = (name) => (Object.hasOwn(env, name) ? env[name] : undefined);
  const given = options.projectDirectory === undefined ? undefined : resolve(cwd, options.projectDirectory);
  const ofFiles = (files: readonly string[]) => {
    const first = files.find((file) => file !== '-');
    return first === undefined ? cwd : dirname(resolve(cwd, first));
  };
  const before = readEnvironment(options, given ?? ofFiles(options.files), shell);
  const early: Lookup = (name) => shell(name) ?? before.get(name);
  const paths = options.files.length > 0 ? options.files : implicitFiles(early, given ?? cwd, readBytes);
  if (paths.length === 0) {
    throw new GantryError('NOT_FOUND', `no compose file in ${given ?? cwd} or above it`, {
      hint: 'make compose.yaml, or name another file: stack commands take it with -c, compose with -f',
    });
  }
  const directory = given ?? ofFiles(paths);
  const after = readEnvironment(options, directory, early);
  const lookup: Lookup = (name) => early(name) ?? after.get(name);
  const files = paths.map((name) => ({ name, path: name === '-' ? '-' : resolve(cwd, name) }));
  const ofShell = Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  return { files, directory, lookup, variables: Object.fromEntries([...after, ...before, ...ofShell]) };
}

function readEnvironment(options: SourceOptions, directory: string, known: Lookup): Variables {
  const { workingDirectory: cwd, readBytes } = options;
  const listed = options.envFiles.length > 0 ? options.envFiles : split(known('COMPOSE_ENV_FILES') ?? '', ',');
  if (listed.length > 0) {
    const paths = listed.map((file) => resolve(cwd, file));
    return readVariableFiles(paths, known, readBytes);
  }
  if (/^(1|true)$/i.test(known('COMPOSE_DISABLE_ENV_FILE') ?? '')) return new Map();
  return readVariables(resolve(directory, '.env'), known, readBytes) ?? new Map();
}

function implicitFiles(lookup: Lookup, directory: string, readBytes: ReadBytes): string[] {
  const separator = lookup('COMPOSE_PATH_SEPARATOR') || ':';
  const listed = split(lookup('COMPOSE_FILE') ?? '', separator);
  return listed.length > 0 ? listed : findComposeFiles(directory, readBytes);
}

function split(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
