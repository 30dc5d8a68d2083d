/** What services have from `env_file` and `label_file`: in the model it is part of their environment and labels. */
import { resolve } from 'node:path';
import { shownPath } from '../source/paths.ts';
import { DotenvError, parseDotenv } from '../syntax/dotenv.ts';
import type { Lookup } from '../syntax/interpolation.ts';
import type { Place } from '../syntax/places.ts';
import type { Problem } from '../syntax/problem.ts';
import { type JsonObject, objectOf, objectsOf, textsOf, unlessEmpty } from './json.ts';

export interface FileContext {
  readonly directory: string;
  readonly lookup: Lookup;
  readonly readBytes: (path: string) => Uint8Array | undefined;
  readonly problems: Problem[];
  /** Where keys of the service are. */
  readonly placeOf: (...path: string[]) => Place;
}

/** The service without the two keys; what it says itself wins. */
export function withFiles(service: JsonObject, context: FileContext): JsonObject {
  const { env_file: envFiles, label_file: _labelFiles, ...rest } = service;
  if (envFiles === undefined && service.label_file === undefined) return service;
  const variables = new Map<string, string>();
  const own = objectOf(service.environment);
  objectsOf(envFiles).forEach((file, index) => {
    readEnvFile(file, ['env_file', String(index)], own, context, variables);
  });
  const labels = new Map<string, string>();
  textsOf(service.label_file).forEach((path, index) => {
    const text = readText(path, ['label_file', String(index)], true, context);
    const known: Lookup = () => undefined;
    if (text !== undefined) assign(labels, parse(text, path, known, context), () => '');
  });
  const environment = unlessEmpty({ ...Object.fromEntries(variables), ...objectOf(service.environment) });
  const allLabels = unlessEmpty({ ...Object.fromEntries(labels), ...objectOf(service.labels) });
  return {
    ...rest,
    ...(environment === undefined ? {} : { environment }),
    ...(allLabels === undefined ? {} : { labels: allLabels }),
  };
}

/** `own`: what the service says itself, which its files may name. */
function readEnvFile(
  file: JsonObject,
  place: readonly string[],
  own: JsonObject,
  context: FileContext,
  variables: Map<string, string>,
): void {
  const path = String(file.path);
  const text = readText(path, place, file.required !== false, context);
  if (text === undefined) return;
  if (file.format !== undefined && file.format !== 'raw') {
    report(context, place, `unknown format "${String(file.format)}"`, 'write raw, or remove it');
    return;
  }
  const ofService: Lookup = (name) => (Object.hasOwn(own, name) && own[name] !== null ? String(own[name]) : undefined);
  const known: Lookup = (name) => context.lookup(name) ?? ofService(name);
  const earlier: Lookup = (name) => variables.get(name);
  const entries = file.format === 'raw' ? parseRaw(text) : parse(text, path, known, context, earlier);
  assign(variables, entries, known);
}

interface FileEntry {
  readonly key: string;
  readonly value: string | undefined;
}

function assign(target: Map<string, string>, entries: readonly FileEntry[], lookup: Lookup): void {
  for (const { key, value } of entries) {
    const actual = value ?? lookup(key);
    if (actual !== undefined) target.set(key, actual);
  }
}

/** Without quotes, escapes and variables: what is after "=" is the value. */
function parseRaw(text: string): FileEntry[] {
  return text.split(/\r?\n/).flatMap((line) => {
    if (/^\s*(#|$)/.test(line)) return [];
    const equals = line.indexOf('=');
    const key = (equals < 0 ? line : line.slice(0, equals)).trim();
    return [{ key, value: equals < 0 ? undefined : line.slice(equals + 1) }];
  });
}

function parse(text: string, path: string, known: Lookup, context: FileContext, earlier?: Lookup): FileEntry[] {
  try {
    return parseDotenv(text, known, earlier);
  } catch (error) {
    if (!(error instanceof DotenvError)) throw error;
    const position = { file: shownPath(path, context.directory), line: error.line, column: 1 };
    context.problems.push({ position, key: '', message: error.message, hint: 'write KEY=VALUE lines' });
    return [];
  }
}

function readText(
  path: string,
  place: readonly string[],
  isRequired: boolean,
  context: FileContext,
): string | undefined {
  const bytes = context.readBytes(resolve(context.directory, path));
  if (bytes !== undefined) return Buffer.from(bytes).toString('utf8');
  if (!isRequired) return undefined;
  const [kind] = place;
  const hint = kind === 'env_file' ? 'make it, or set "required: false"' : 'make it, or correct the path';
  report(context, place, `${kind} "${shownPath(path, context.directory)}" not found`, hint);
  return undefined;
}

function report(context: FileContext, place: readonly string[], message: string, hint: string): void {
  const { position, key } = context.placeOf(...place);
  context.problems.push({ position, key, message, hint });
}
