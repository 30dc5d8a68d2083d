/** The top-level configs and secrets, with their content: of files, of variables, or as it is written. */
import { GantryError } from '../../../proto/errors.ts';
import type { ConfigSpec, SecretSpec } from '../../../proto/generated/gantry/v1/types.ts';
import { objectOf, objectsOf } from '../model/json.ts';
import type { Model } from '../model/normalize.ts';
import { shownPath } from '../source/paths.ts';
import type { Lookup } from '../syntax/interpolation.ts';
import { type ProjectContext, type Resource, STACK_LABEL } from './context.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';
import { SECRET_REFUSALS } from './refusals.ts';
import { checkContent, readTemplateDriver } from './templates.ts';

/** `isUsed`: one that no service has needn't have its content here. */
export interface ContentContext extends ProjectContext {
  readonly isUsed: boolean;
  /** Its variables. */
  readonly lookup: Lookup;
}

export function convertConfig(cursor: ModelCursor, context: ContentContext): Resource<ConfigSpec> {
  return cursor.object({}, (fields) => readResource(fields, ['file', 'content', 'environment'], context));
}

export function convertSecret(cursor: ModelCursor, context: ContentContext): Resource<SecretSpec> {
  return cursor.object(SECRET_REFUSALS, (fields) => readResource(fields, ['file', 'environment'], context));
}

/** Names of the section that services, or what they are built with, refer to. */
export function usedContents({ services }: Model, section: 'configs' | 'secrets'): ReadonlySet<string> {
  const names = Object.values(services).flatMap((service) => [
    ...objectsOf(service[section]),
    ...objectsOf(objectOf(service.build)[section]),
  ]);
  return new Set(names.map(({ source }) => String(source)));
}

/** As much as swarm allows; larger data belongs into an image or a volume. */
const MAX_CONTENT_BYTES = 1024 * 1024;

type Source = 'file' | 'content' | 'environment';

function readResource(fields: Fields, sources: readonly Source[], context: ContentContext): Resource<ConfigSpec> {
  const fullName = fields.text('name');
  const labels = { ...fields.textByKey('labels'), [STACK_LABEL]: context.model.name };
  const templateDriver = fields.get('template_driver', readTemplateDriver) ?? '';
  const [given] = sources.flatMap((kind) => {
    const place = fields.cursor(kind);
    return place === undefined ? [] : [{ kind, place }];
  });
  // As in Compose, what is said of the content of an external one has no effect.
  if (fields.flag('external')) return { fullName, spec: undefined };
  const annotations = { name: fullName, labels };
  // The model was refused if it says not where the content is; empty content is content.
  if (given === undefined) return { fullName, spec: { annotations, data: Buffer.alloc(0), templateDriver } };
  const data = contentAt(given.place, given.kind, context);
  if (data === undefined) return { fullName, spec: undefined };
  if (templateDriver !== '')
    checkContent(given.place, data, given.kind === 'file' ? shownFile(given.place, context) : '');
  return { fullName, spec: { annotations, data, templateDriver } };
}

/** Undefined for content that isn't there and that nobody needs. */
function contentAt(cursor: ModelCursor, source: Source, context: ContentContext): Buffer | undefined {
  const data = readSource(cursor, source, context);
  if (data === undefined || data.byteLength <= MAX_CONTENT_BYTES) return data && Buffer.from(data);
  throw cursor.problem(`the content has ${data.byteLength} bytes`, `at most ${MAX_CONTENT_BYTES} are allowed`);
}

function readSource(cursor: ModelCursor, source: Source, context: ContentContext): Uint8Array | undefined {
  const text = cursor.text();
  switch (source) {
    case 'content':
      return Buffer.from(text);
    case 'environment': {
      const value = context.lookup(text);
      if (value !== undefined) return Buffer.from(value);
      if (!context.isUsed) return undefined;
      throw cursor.problem(`the variable ${text} is not set`, 'set it before deploying');
    }
    case 'file': {
      const data = readProjectFile(cursor, text, context);
      if (data !== undefined || !context.isUsed) return data;
      throw cursor.problem(`file "${shownFile(cursor, context)}" not found`, 'make it, or correct the path');
    }
  }
}

function shownFile(cursor: ModelCursor, context: ProjectContext): string {
  return shownPath(cursor.text(), context.directory);
}

/** Undefined when there is no such file. */
export function readProjectFile(
  cursor: ModelCursor,
  path: string,
  { readBytes }: ProjectContext,
): Uint8Array | undefined {
  try {
    return readBytes(path);
  } catch (error) {
    if (!(error instanceof GantryError)) throw error;
    throw cursor.problem(error.message, error.hint === '' ? 'check the file' : error.hint);
  }
}
