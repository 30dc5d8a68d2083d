/** The top-level configs and secrets, with their content: of files, of variables, or as it is written. */
import { GantryError } from '../../../proto/errors.ts';
import type { ConfigSpec, SecretSpec } from '../../../proto/generated/gantry/v1/types.ts';
import { shownPath } from '../source/paths.ts';
import { type ProjectContext, type Resource, STACK_LABEL } from './context.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';
import { SECRET_REFUSALS } from './refusals.ts';
import { checkContent, readTemplateDriver } from './templates.ts';

export function convertConfig(cursor: ModelCursor, context: ProjectContext): Resource<ConfigSpec> {
  return cursor.object({}, (fields) => readResource(fields, ['file', 'content', 'environment'], context));
}

export function convertSecret(cursor: ModelCursor, context: ProjectContext): Resource<SecretSpec> {
  return cursor.object(SECRET_REFUSALS, (fields) => readResource(fields, ['file', 'environment'], context));
}

/** As much as swarm allows; larger data belongs into an image or a volume. */
const MAX_CONTENT_BYTES = 1024 * 1024;

type Source = 'file' | 'content' | 'environment';

function readResource(fields: Fields, sources: readonly Source[], context: ProjectContext): Resource<ConfigSpec> {
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
  if (templateDriver !== '')
    checkContent(given.place, data, given.kind === 'file' ? shownFile(given.place, context) : '');
  return { fullName, spec: { annotations, data, templateDriver } };
}

function contentAt(cursor: ModelCursor, source: Source, context: ProjectContext): Buffer {
  const data = Buffer.from(readSource(cursor, source, context));
  if (data.byteLength <= MAX_CONTENT_BYTES) return data;
  throw cursor.problem(`the content has ${data.byteLength} bytes`, `at most ${MAX_CONTENT_BYTES} are allowed`);
}

function readSource(cursor: ModelCursor, source: Source, context: ProjectContext): Uint8Array {
  const text = cursor.text();
  switch (source) {
    case 'content':
      return Buffer.from(text);
    case 'environment': {
      const value = context.lookup(text);
      if (value === undefined) throw cursor.problem(`the variable ${text} is not set`, 'set it before deploying');
      return Buffer.from(value);
    }
    case 'file': {
      const data = readProjectFile(cursor, text, context);
      if (data !== undefined) return data;
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
