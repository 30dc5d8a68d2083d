/** A compose file → the stack that the cluster is asked for. Reads files only through what it is given. */
import { dirname, resolve } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import type { StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import { NetworkSpec, type ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import type { Build } from './build.ts';
import { checkCycles, type DependsOn, readDependsOn } from './dependencies.ts';
import { TOP_KEYS } from './keys.ts';
import {
  type Resource,
  type ResourceContext,
  readConfigs,
  readNetworks,
  readSecrets,
  readVolumes,
  STACK_LABEL,
} from './resources.ts';
import { readService, type ServiceContext } from './service.ts';
import { Cursor } from './syntax/cursor.ts';
import { DotenvError, parseDotenv } from './syntax/dotenv.ts';
import { interpolateTree } from './syntax/interpolate-tree.ts';
import type { Lookup } from './syntax/interpolation.ts';
import { parseYaml } from './syntax/parse-yaml.ts';
import { type Problem, ProblemError, problemsError } from './syntax/problem.ts';
import type { Entry, Mapping, Position, Tree } from './syntax/tree.ts';

export interface LoadOptions {
  /** Paths, or "-" for standard input. */
  readonly files: readonly string[];
  /** Undefined: the file's own `name`, else the name of the project's directory. */
  readonly stackName: string | undefined;
  /** Undefined: the directory of the first file. */
  readonly projectDirectory: string | undefined;
  readonly workingDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Undefined when there is no such file; "-" is standard input. Throws GantryError for other reasons. */
  readonly readBytes: (path: string) => Uint8Array | undefined;
}

export interface LoadedService {
  /** Name in the file. */
  readonly name: string;
  readonly fullName: string;
  readonly build: Build | undefined;
  readonly image: string;
}

export interface LoadedStack {
  readonly spec: StackSpec;
  readonly services: readonly LoadedService[];
  /** One line each. */
  readonly warnings: readonly string[];
  /** Where a key was written: locate('services', 'web', 'ports', '0'); the nearest enclosing key when it is missing. */
  readonly locate: (...path: string[]) => Position;
}

/** Throws INVALID_ARGUMENT with a line for each problem: file:line:column: key: what; remedy. */
export function loadStack(options: LoadOptions): LoadedStack {
  try {
    return load(options);
  } catch (error) {
    if (error instanceof ProblemError) throw problemsError([error.problem]);
    throw error;
  }
}

function load(options: LoadOptions): LoadedStack {
  const [file, ...others] = options.files;
  if (file === undefined) throw new GantryError('INVALID_ARGUMENT', 'no compose file given', { hint: 'add -c FILE' });
  if (others.length > 0) {
    throw new GantryError('UNSUPPORTED', 'several compose files are not supported yet', {
      hint: `merge ${options.files.join(', ')} into one`,
    });
  }
  const tree = parseYaml(file === '-' ? 'stdin' : file, readComposeFile(options, file));
  const projectDirectory = resolve(
    options.workingDirectory,
    options.projectDirectory ?? (file === '-' ? '.' : dirname(file)),
  );
  const lookup = readDotenvFile(options, projectDirectory);
  const interpolated = interpolateTree(tree, lookup);
  const problems: Problem[] = [...interpolated.problems];
  const top = new Cursor(interpolated.tree, '', problems);
  const stackName = nameOf(top, options.stackName, projectDirectory);
  const readText = (path: string) => {
    const bytes = options.readBytes(path);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
  };
  const context: ResourceContext = { stackName, projectDirectory, lookup, readText, readBytes: options.readBytes };
  const { spec, services } = convert(top, context, options.env.HOME);
  if (problems.length > 0) throw problemsError(problems);
  const warnings = [...interpolated.warnings, ...deprecations(tree)];
  return { spec, services, warnings, locate: (...path) => locate(tree, path) };
}

function readComposeFile(options: LoadOptions, file: string): string {
  const bytes = options.readBytes(file === '-' ? '-' : resolve(options.workingDirectory, file));
  if (bytes === undefined) {
    throw new GantryError('NOT_FOUND', `compose file "${file}" not found`, { hint: 'name an existing file with -c' });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new GantryError('INVALID_ARGUMENT', `${file} is not UTF-8 text`, { hint: 'convert it to UTF-8', cause });
  }
}

/** The shell's variables, then those of `.env` beside the project. */
function readDotenvFile(options: LoadOptions, projectDirectory: string): Lookup {
  const shell: Lookup = (name) => options.env[name];
  const path = resolve(projectDirectory, '.env');
  const bytes = options.readBytes(path);
  if (bytes === undefined) return shell;
  try {
    const entries = parseDotenv(Buffer.from(bytes).toString('utf8'), shell);
    const variables = new Map(entries.map(({ key, value }) => [key, value]));
    return (name) => shell(name) ?? variables.get(name);
  } catch (error) {
    if (!(error instanceof DotenvError)) throw error;
    const position = { file: path, line: error.line, column: 1 };
    throw new ProblemError({ position, key: '', message: error.message, hint: 'write KEY=VALUE lines' });
  }
}

const STACK_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

function nameOf(top: Cursor, given: string | undefined, projectDirectory: string): string {
  const own = top.field('name', (cursor) => {
    const name = cursor.string();
    if (STACK_NAME.test(name)) return name;
    throw cursor.problem(`invalid name "${name}"`, 'use lower-case letters, digits, "-" and "_"');
  });
  if (given !== undefined && !STACK_NAME.test(given)) {
    throw new GantryError('INVALID_ARGUMENT', `invalid stack name "${given}"`, {
      hint: 'use lower-case letters, digits, "-" and "_"; start with a letter or digit',
    });
  }
  const directory =
    projectDirectory
      .split('/')
      .at(-1)
      ?.toLowerCase()
      .replace(/[^a-z0-9_-]/g, '') ?? '';
  return given ?? own ?? (STACK_NAME.test(directory) ? directory : 'stack');
}

function convert(top: Cursor, context: ResourceContext, home: string | undefined) {
  top.checkKeys(TOP_KEYS);
  const networks = withDefaultNetwork(readNetworks(top.child('networks'), context), context);
  const volumes = readVolumes(top.child('volumes'), context);
  const configs = readConfigs(top.child('configs'), context);
  const secrets = readSecrets(top.child('secrets'), context);
  const serviceContext: ServiceContext = { ...context, home, networks, volumes, configs, secrets };
  const specs: ServiceSpec[] = [];
  const services: LoadedService[] = [];
  for (const [name, cursor, dependencies] of readServiceSection(top)) {
    const read = cursor.attempt(() => readService(name, cursor, dependencies, serviceContext));
    if (read === undefined) continue;
    specs.push(read.spec);
    const fullName = read.spec.annotations?.name ?? name;
    services.push({ name, fullName, build: read.build, image: read.spec.task?.container?.image ?? '' });
  }
  const used = usedNames(specs);
  const spec: StackSpec = {
    name: context.stackName,
    services: specs,
    networks: ownSpecs(networks, used.networks),
    configs: ownSpecs(configs, used.configs),
    secrets: ownSpecs(secrets, used.secrets),
  };
  return { spec, services };
}

function withDefaultNetwork(networks: Map<string, Resource<NetworkSpec>>, context: ResourceContext) {
  if (!networks.has('default')) {
    const fullName = `${context.stackName}_default`;
    const annotations = { name: fullName, labels: { [STACK_LABEL]: context.stackName } };
    networks.set('default', { fullName, spec: NetworkSpec.fromPartial({ annotations, driver: 'overlay' }) });
  }
  return networks;
}

const SERVICE_NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/;

/** The services with what each depends on, checked across all of them. */
function readServiceSection(top: Cursor): [name: string, cursor: Cursor, dependencies: DependsOn[]][] {
  const section = top.child('services');
  if (section === undefined || section.isNull) {
    top.report('has no services', 'add "services:" with at least one');
    return [];
  }
  const entries = (section.attempt((cursor) => cursor.entries()) ?? []).filter(([name, cursor]) => {
    if (name.startsWith('x-')) return false;
    const valid = SERVICE_NAME.test(name);
    if (!valid) cursor.report(`invalid service name "${name}"`, 'use letters, digits, ".", "_" and "-"');
    return valid;
  });
  const names = new Set(entries.map(([name]) => name));
  const graph = new Map<string, DependsOn[]>();
  for (const [name, cursor] of entries) {
    const dependencies = cursor.attempt(() => cursor.field('depends_on', (child) => readDependsOn(child, names)));
    graph.set(name, dependencies ?? []);
  }
  checkCycles(graph);
  return entries.map(([name, cursor]) => [name, cursor, graph.get(name) ?? []]);
}

function usedNames(services: readonly ServiceSpec[]) {
  const tasks = services.flatMap(({ task }) => (task === undefined ? [] : [task]));
  return {
    networks: new Set(tasks.flatMap(({ networks }) => networks.map(({ target }) => target))),
    configs: new Set(tasks.flatMap(({ container }) => container?.configs.map(({ name }) => name) ?? [])),
    secrets: new Set(tasks.flatMap(({ container }) => container?.secrets.map(({ name }) => name) ?? [])),
  };
}

/** Resources that the stack makes: not external, and used by a service. */
function ownSpecs<Spec>(resources: ReadonlyMap<string, Resource<Spec>>, used: ReadonlySet<string>): Spec[] {
  return [...resources.values()].flatMap(({ fullName, spec }) =>
    spec === undefined || !used.has(fullName) ? [] : [spec],
  );
}

function deprecations(tree: Mapping): string[] {
  const version = tree.entries.get('version');
  if (version === undefined) return [];
  const { file, line } = version.keyPosition;
  return [`${file}:${line}: "version" is obsolete and has no effect; remove it`];
}

function locate(tree: Mapping, path: readonly string[]): Position {
  let position: Position = tree.position;
  let value: Tree = tree;
  for (const key of path) {
    if (value.kind === 'sequence') {
      const item: Tree | undefined = value.items[Number(key)];
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
