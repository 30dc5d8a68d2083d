/** Compose files → the stack that the cluster is asked for. Reads files only through what it is given. */
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
import { loadSource } from './source/load-source.ts';
import { Cursor } from './syntax/cursor.ts';
import { ProblemError, problemsError } from './syntax/problem.ts';
import { locate, type Position } from './syntax/tree.ts';

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
  if (options.files.length === 0) {
    throw new GantryError('INVALID_ARGUMENT', 'no compose file given', { hint: 'add -c FILE' });
  }
  const source = loadSource({
    ...options,
    projectName: options.stackName,
    envFiles: [],
    profiles: [],
    interpolates: true,
  });
  const { tree, problems, lookup } = source;
  const readText = (path: string) => {
    const bytes = options.readBytes(path);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
  };
  const context: ResourceContext = {
    stackName: source.name,
    projectDirectory: source.directory,
    lookup,
    readText,
    readBytes: options.readBytes,
  };
  const { spec, services } = convert(new Cursor(tree, '', problems), context, options.env.HOME);
  if (problems.length > 0) throw problemsError(problems);
  return { spec, services, warnings: source.warnings, locate: (...path) => locate(tree, path) };
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
