/** The files of a project → its canonical model: what `docker compose config` prints. */
import { uniqueTree } from '../merge/unique-tree.ts';
import { loadSource, type Source, type SourceOptions } from '../source/load-source.ts';
import { absolutePaths, mapPaths } from '../source/paths.ts';
import { Cursor } from '../syntax/cursor.ts';
import { ProblemError, problemsError } from '../syntax/problem.ts';
import { locate } from '../syntax/tree.ts';
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

/** Throws INVALID_ARGUMENT with a line for each problem: file:line:column: key: what; remedy. */
export function loadModel(options: ModelOptions): LoadedModel {
  try {
    const source = loadSource(options);
    const model = toModel(source, options);
    if (source.problems.length > 0) throw problemsError(source.problems);
    return { model, source };
  } catch (error) {
    if (error instanceof ProblemError) throw problemsError([error.problem]);
    throw error;
  }
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

function toModel(source: Source, options: ModelOptions): Model {
  const { directory, lookup, problems } = source;
  const unique = uniqueTree(source.tree);
  const tree = options.resolvesPaths ? mapPaths(unique, absolutePaths(directory, options.env.HOME)) : unique;
  const mode: Mode = { interpolates: options.interpolates };
  const read = (project(new Cursor(tree, '', problems), mode) ?? {}) as JsonObject;
  // What isn't active now will be some day: it must be well written, too.
  for (const { key, value } of source.inactive) {
    new Cursor(value, `services.${key}`, problems).attempt((one) => service(one, mode));
  }
  const written = modelOf(source.name, read);
  const normal = options.normalizes ? normalize(written, lookup) : written;
  const resolved = options.normalizes && options.resolvesPaths ? withContexts(normal, directory) : normal;
  if (options.checksConsistency && problems.length === 0) {
    for (const { path, message, hint } of contradictions(normal)) {
      problems.push({ position: locate(tree, path), key: path.join('.'), message, hint });
    }
  }
  if (!options.readsFiles) return resolved;
  const withAll = mapValues(resolved.services, (one, name) =>
    withFiles(one, {
      directory,
      lookup,
      problems,
      readBytes: options.readBytes,
      service: name,
      locate: (key) => locate(tree, ['services', name, key]),
    }),
  );
  return { ...resolved, services: withAll };
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
