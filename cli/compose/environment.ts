/** `environment:` and `env_file:` of a service. */
import { isAbsolute, resolve } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { ENV_FILE_KEYS } from './keys.ts';
import type { Cursor } from './syntax/cursor.ts';
import { DotenvError, parseDotenv } from './syntax/dotenv.ts';
import type { Lookup } from './syntax/interpolation.ts';
import { ProblemError } from './syntax/problem.ts';
import { checkTemplate } from './templates.ts';

/** Undefined when the file doesn't exist; throws for other reasons. */
export type ReadText = (path: string) => string | undefined;

export interface EnvironmentContext {
  readonly projectDirectory: string;
  readonly readText: ReadText;
  /** The shell's variables and those of `.env`. */
  readonly lookup: Lookup;
}

interface Variable {
  readonly value: string;
  /** Where it is said. */
  readonly cursor: Cursor;
}

/** KEY=VALUE, the files first, in order; what `environment:` says wins. */
export function readEnvironment(service: Cursor, context: EnvironmentContext): string[] {
  const variables = new Map<string, Variable>();
  for (const file of service.field('env_file', readEnvFileList) ?? []) readEnvFile(file, context, variables);
  service.field('environment', (cursor) => {
    for (const [key, value] of cursor.keyValues()) {
      const actual = value ?? context.lookup(key);
      if (actual === undefined) variables.delete(key);
      else variables.set(key, { value: actual, cursor: cursor.valueAt(key) });
    }
  });
  for (const [key, { value, cursor }] of variables) {
    cursor.attempt(() => checkTemplate(cursor, value, `variable ${key}`));
  }
  return [...variables].map(([key, { value }]) => `${key}=${value}`);
}

interface EnvFile {
  readonly cursor: Cursor;
  readonly path: string;
  readonly required: boolean;
}

function readEnvFileList(cursor: Cursor): EnvFile[] {
  if (cursor.tree.kind === 'scalar') return [{ cursor, path: cursor.string(), required: true }];
  return cursor.items((item): EnvFile => {
    if (item.tree.kind === 'scalar') return { cursor: item, path: item.string(), required: true };
    item.checkKeys(ENV_FILE_KEYS);
    const path = item.field('path', (child) => child.string());
    if (path === undefined) throw item.problem('has no path', 'add "path: FILE"');
    return { cursor: item, path, required: item.field('required', (child) => child.boolean()) ?? true };
  });
}

function readEnvFile(file: EnvFile, context: EnvironmentContext, variables: Map<string, Variable>): void {
  const text = readProjectFile(file.cursor, context.projectDirectory, file.path, context.readText);
  if (text === undefined) {
    if (file.required) file.cursor.report(`env_file "${file.path}" not found`, 'make it, or set "required: false"');
    return;
  }
  try {
    const known: Lookup = (name) => context.lookup(name) ?? variables.get(name)?.value;
    for (const { key, value } of parseDotenv(text, known)) {
      const actual = value ?? context.lookup(key);
      if (actual !== undefined) variables.set(key, { value: actual, cursor: file.cursor });
    }
  } catch (error) {
    if (!(error instanceof DotenvError)) throw error;
    const position = { file: file.path, line: error.line, column: 1 };
    throw new ProblemError({ position, key: '', message: error.message, hint: 'write KEY=VALUE lines' });
  }
}

/** A file named in the compose file, relative to the project; undefined when it doesn't exist. */
export function readProjectFile<T>(
  cursor: Cursor,
  projectDirectory: string,
  path: string,
  read: (path: string) => T | undefined,
): T | undefined {
  try {
    return read(isAbsolute(path) ? path : resolve(projectDirectory, path));
  } catch (error) {
    if (!(error instanceof GantryError)) throw error;
    throw cursor.problem(error.message, error.hint === '' ? 'check the file' : error.hint);
  }
}
