/** Refuses texts with a template that no node could expand, where they are written. */
import {
  checkContentTemplate,
  checkServiceTemplate,
  TEMPLATE_DRIVER,
} from '../../../proto/template/service-template.ts';
import { TemplateError } from '../../../proto/template/syntax.ts';
import type { ModelCursor } from './model-cursor.ts';

const SERVICE_HINT = 'mend it, or write {{"{{"}} where {{ is meant';
const CONTENT_HINT = 'mend it, or remove template_driver';

/** A text that may be a template. */
export function readTemplate(cursor: ModelCursor): string {
  const text = cursor.text();
  checkTemplate(cursor, text, '');
  return text;
}

/** KEY: text, where the texts may be templates. */
export function readLabelTemplates(cursor: ModelCursor): Record<string, string> {
  for (const [, value] of cursor.valuesByKey()) value.attempt(readTemplate);
  return cursor.textByKey();
}

/** Throws for the text that was read at the cursor; `name`: of what it is, where the key doesn't say it. */
export function checkTemplate(cursor: ModelCursor, text: string, name: string): void {
  const error = faultOf(() => checkServiceTemplate(text));
  if (error !== undefined)
    throw cursor.problem(`${name === '' ? '' : `${name}: `}bad template: ${error.reason}`, SERVICE_HINT);
}

/** `template_driver` of a secret or config. */
export function readTemplateDriver(cursor: ModelCursor): string {
  return cursor.oneOf([TEMPLATE_DRIVER]);
}

/** Throws for content that was read at the cursor; `file`: the name of the file that it is from, or "". */
export function checkContent(cursor: ModelCursor, data: Uint8Array, file: string): void {
  const text = decode(cursor, data);
  const error = faultOf(() => checkContentTemplate(text));
  if (error === undefined) return;
  const place = file === '' ? `in line ${error.line}` : `in ${file}:${error.line}`;
  throw cursor.problem(`bad template ${place}: ${error.reason}`, CONTENT_HINT);
}

function decode(cursor: ModelCursor, data: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw cursor.problem('a template must be UTF-8 text', 'convert it to UTF-8, or remove template_driver');
  }
}

function faultOf(check: () => void): TemplateError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
}
