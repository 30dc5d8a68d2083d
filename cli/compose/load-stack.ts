/** Compose files → the stack that the cluster is asked for. Reads files only through what it is given. */
import type { StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import { readModel } from './model/load-model.ts';
import type { Model } from './model/normalize.ts';
import type { ReadBytes } from './source/files.ts';
import type { RestartDefault } from './stack/context.ts';
import { convertStack, type LoadedService } from './stack/convert-stack.ts';
import { ProblemError, problemsError } from './syntax/problem.ts';
import { isNull, locate, type Position } from './syntax/tree.ts';

export type { LoadedService };

export interface LoadOptions {
  /** Paths, or "-" for standard input; none: COMPOSE_FILE, else what is found by name. */
  readonly files: readonly string[];
  /** Undefined: COMPOSE_PROJECT_NAME, else the file's own `name`, else the name of the project's directory. */
  readonly stackName: string | undefined;
  /** Undefined: the directory of the first file. */
  readonly projectDirectory: string | undefined;
  /** None: COMPOSE_ENV_FILES, else `.env` of the project's directory. */
  readonly envFiles: readonly string[];
  /** None: COMPOSE_PROFILES. */
  readonly profiles: readonly string[];
  /** Services that the user has named: their profiles are active, too. */
  readonly named?: readonly string[];
  readonly workingDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readBytes: ReadBytes;
  /** Undefined: any. */
  readonly defaultRestart?: RestartDefault;
}

export interface LoadedStack {
  readonly spec: StackSpec;
  readonly services: readonly LoadedService[];
  /** The canonical model that it was made from. */
  readonly model: Model;
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
  const { model, source, tree } = readModel({
    ...options,
    projectName: options.stackName,
    interpolates: true,
    normalizes: true,
    resolvesPaths: true,
    checksConsistency: true,
    readsFiles: true,
  });
  const { directory, lookupFor, problems, warnings } = source;
  const services = tree.entries.get('services')?.value;
  if (services === undefined || isNull(services)) {
    problems.push({
      position: tree.position,
      key: '',
      message: 'has no services',
      hint: 'add "services:" with at least one',
    });
  }
  const { readBytes, defaultRestart } = options;
  const stack = convertStack({ tree, problems }, { model, directory, lookupFor, readBytes, defaultRestart });
  if (problems.length > 0) throw problemsError(problems);
  return { ...stack, model, warnings, locate: (...path) => locate(tree, path) };
}
