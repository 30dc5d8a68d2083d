/** `build` of a service. */
import { isRemoteContext } from '../source/paths.ts';
import type { ModelCursor } from './model-cursor.ts';
import { BUILD_REFUSALS } from './refusals.ts';

export interface Build {
  /** Absolute path of a directory. */
  readonly context: string;
  /** Relative to the context. */
  readonly dockerfile: string;
  readonly dockerfileText: string;
  readonly args: Readonly<Record<string, string>>;
  readonly target: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  /** Further names of the image. */
  readonly tags: readonly string[];
}

export function convertBuild(cursor: ModelCursor): Build {
  return cursor.object(BUILD_REFUSALS, (fields) => ({
    context: fields.get('context', readContext) ?? '',
    dockerfile: fields.text('dockerfile'),
    dockerfileText: fields.text('dockerfile_inline'),
    args: fields.textByKey('args'),
    target: fields.text('target'),
    labels: fields.textByKey('labels'),
    noCache: fields.flag('no_cache'),
    tags: fields.texts('tags'),
  }));
}

function readContext(cursor: ModelCursor): string {
  const text = cursor.text();
  if (!isRemoteContext(text)) return text;
  throw cursor.problem(`the remote build context "${text}" is not supported yet`, 'fetch it and name the directory');
}
