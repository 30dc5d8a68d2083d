/** The files of a project → its canonical model: what `docker compose config` prints. */
import { uniqueTree } from '../merge/unique-tree.ts';
import { loadSource, type Source, type SourceOptions } from '../source/load-source.ts';
import { absolutePaths, mapPaths } from '../source/paths.ts';
import { Cursor } from '../syntax/cursor.ts';
import { placeOf } from '../syntax/places.ts';
import { type Problem, ProblemError, problemsError } from '../syntax/problem.ts';
import type { Mapping } from '../syntax/tree.ts';
import { contradictions } from './consistency.ts';
import { withFiles } from './environment.ts';
import { type Json, type JsonObject, mapValues } from './json.ts';
import { type Model, normalize } from './normalize.ts';
import { type Mode, object, type Read, text } from './read.ts';
import { configs, models, networks, secrets, volumes } from './resources.ts';
import { service } from './service.ts';

export interface ModelOptions extends SourceOptions {
  readonly normalizes: boolean;
  readonly resolvesPaths: boolean;
  readonly checksConsistency: boolean;
  /** False: env_file and label_file stay what they are. */
  readonly readsFiles: boolean;
}

export interface LoadedModel {
  readonly model: Model;
  readonly source: Source;
}

export interface ReadModel extends LoadedModel {
  /** What the model was read from. */
  readonly tree: Mapping;
}

/** Throws INVALID_ARGUMENT with a line for each problem: file:line:column: key: what; remedy. */
export function loadModel(options: ModelOptions): LoadedModel {
  try {
    const { model, source } = readModel(options);
    if (source.problems.length > 0) throw problemsError(source.problems);
    return { model, source };
  } catch (error) {
    if (error instanceof ProblemError) throw problemsError([error.problem]);
    throw error;
  }
}

/** What could be read; what is wrong is among the source's problems. Throws GantryError or ProblemError when nothing could. */
export function readModel(options: ModelOptions): ReadModel {
  const source = loadSource(options);
  const { directory, problems } = source;
  const unique = uniqueTree(source.tree);
  const tree = options.resolvesPaths ? mapPaths(unique, absolutePaths(directory, options.env.HOME)) : unique;
  const written = modelOf(source.name, readTree(source, tree, { interpolates: options.interpolates }));
  const normal = options.normalizes ? normalize(written, source) : written;
  if (options.checksConsistency) checkConsistency(normal, tree, problems);
  const resolved = options.normalizes && options.resolvesPaths ? withContexts(normal, directory) : normal;
  return { source, tree, model: options.readsFiles ? withAllFiles(resolved, source, tree, options) : resolved };
}

const SERVICE_NAME = /^[a-zA-Z0-9._-]+$/;

const services: Read = (cursor, mode) => {
  const found: [string, Json][] = [];
  for (const [name, child] of cursor.entries()) {
    if (name.startsWith('x-')) continue;
    if (!SERVICE_NAME.test(name))
      child.report(`invalid service name "${name}"`, 'use letters, digits, ".", "_" and "-"');
    else found.push([name, child.attempt((one) => service(one, mode)) ?? {}]);
  }
  return Object.fromEntries(found);
};

const project = object({ version: () => undefined, name: text, services, networks, volumes, configs, secrets, models });

function readTree({ inactive, problems }: Source, tree: Mapping, mode: Mode): JsonObject {
  const read = (project(new Cursor(tree, '', problems), mode) ?? {}) as JsonObject;
  // What isn't active now will be some day: it must be well written, too.
  for (const { key, value } of inactive) {
    new Cursor(value, `services.${key}`, problems).attempt((one) => service(one, mode));
  }
  return read;
}

/** What couldn't be read is told of already: what follows from that isn't. */
function checkConsistency(model: Model, tree: Mapping, problems: Problem[]): void {
  const failed = new Set(problems.map(({ key }) => key));
  for (const { path, message, hint, restsOn } of contradictions(model)) {
    if (restsOn.some((key) => failed.has(key))) continue;
    const { key, position } = placeOf(tree, path);
    problems.push({ position, key, message, hint });
  }
}

function withAllFiles(
  model: Model,
  { directory, lookupFor, problems }: Source,
  tree: Mapping,
  options: ModelOptions,
): Model {
  const services = mapValues(model.services, (one, name) =>
    withFiles(one, {
      directory,
      lookup: lookupFor('services', name),
      problems,
      readBytes: options.readBytes,
      placeOf: (...path) => placeOf(tree, ['services', name, ...path]),
    }),
  );
  return { ...model, services };
}

/** A build that doesn't say where has the project's directory. */
function withContexts(model: Model, directory: string): Model {
  const withContext = (one: JsonObject): JsonObject => {
    const build = one.build as JsonObject | undefined;
    return build?.context === '.' ? { ...one, build: { ...build, context: directory } } : one;
  };
  return { ...model, services: mapValues(model.services, withContext) };
}

type Section = Readonly<Record<string, JsonObject>>;

function modelOf(name: string, read: JsonObject): Model {
  const section = (key: string) => (read[key] === undefined ? {} : { [key]: read[key] as Section });
  const extensions = Object.fromEntries(Object.entries(read).filter(([key]) => key.startsWith('x-')));
  const found = ['networks', 'volumes', 'configs', 'secrets', 'models'].map(section);
  return { name, services: (read.services ?? {}) as Section, ...Object.assign({}, ...found), extensions };
}
