/** Finds and reads compose files and the files with variables for them. */
import { dirname, resolve } from 'node:path';
import { GantryError } from '../../../proto/errors.ts';
import { DotenvError, parseDotenv } from '../syntax/dotenv.ts';
import type { Lookup } from '../syntax/interpolation.ts';
import { ProblemError } from '../syntax/problem.ts';

/** Undefined when there is no such file; "-" is standard input. Throws GantryError for other reasons. */
export type ReadBytes = (path: string) => Uint8Array | undefined;

const NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const OVERRIDES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

/** The file of the directory or the nearest above it, with its override; none: an empty list. */
export function findComposeFiles(directory: string, readBytes: ReadBytes): string[] {
  const exists = (path: string) => readBytes(path) !== undefined;
  const file = NAMES.map((name) => resolve(directory, name)).find(exists);
  if (file !== undefined) {
    const override = OVERRIDES.map((name) => resolve(directory, name)).find(exists);
    return override === undefined ? [file] : [file, override];
  }
  const parent = dirname(directory);
  return parent === directory ? [] : findComposeFiles(parent, readBytes);
}

/** `name`: as the user knows it. */
export function readComposeText(path: string, name: string, readBytes: ReadBytes): string {
  const bytes = readBytes(path);
  if (bytes === undefined) {
    throw new GantryError('NOT_FOUND', `compose file "${name}" not found`, { hint: 'correct its name' });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new GantryError('INVALID_ARGUMENT', `${name} is not UTF-8 text`, { hint: 'convert it to UTF-8', cause });
  }
}

export type Variables = ReadonlyMap<string, string>;

/** What a file sets on top of `known`, which is looked up first; undefined when there is no such file. */
export function readVariables(path: string, known: Lookup, readBytes: ReadBytes): Variables | undefined {
  const bytes = readBytes(path);
  if (bytes === undefined) return undefined;
  const variables = new Map<string, string>();
  try {
    for (const { key, value } of parseDotenv(Buffer.from(bytes).toString('utf8'), known)) {
      const actual = value ?? known(key);
      if (actual !== undefined) variables.set(key, actual);
    }
    return variables;
  } catch (error) {
    if (!(error instanceof DotenvError)) throw error;
    const position = { file: path, line: error.line, column: 1 };
    throw new ProblemError({ position, key: '', message: error.message, hint: 'write KEY=VALUE lines' });
  }
}

/** Of several files the later wins. Throws NOT_FOUND. */
export function readVariableFiles(paths: readonly string[], known: Lookup, readBytes: ReadBytes): Variables {
  const variables = new Map<string, string>();
  for (const path of paths) {
    const found = readVariables(path, (name) => known(name) ?? variables.get(name), readBytes);
    if (found === undefined) {
      throw new GantryError('NOT_FOUND', `env file "${path}" not found`, { hint: 'make it, or name another one' });
    }
    for (const [key, value] of found) variables.set(key, value);
  }
  return variables;
}
