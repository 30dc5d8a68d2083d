/** `build:` of a service (Compose Build specification). */
import { resolve } from 'node:path';
import type { EnvironmentContext } from './environment.ts';
import { BUILD_KEYS } from './keys.ts';
import type { Cursor } from './syntax/cursor.ts';

export interface Build {
  /** Absolute path of a directory. */
  readonly context: string;
  /** Relative to the context; "" for Dockerfile. */
  readonly dockerfile: string;
  readonly dockerfileText: string;
  readonly args: Readonly<Record<string, string>>;
  readonly target: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  /** Further names of the image. */
  readonly tags: readonly string[];
}

export function readBuild(cursor: Cursor, context: EnvironmentContext): Build {
  const empty = { dockerfile: '', dockerfileText: '', args: {}, target: '', labels: {}, noCache: false, tags: [] };
  if (cursor.tree.kind === 'scalar') return { ...empty, context: readContext(cursor, context) };
  cursor.checkKeys(BUILD_KEYS);
  const text = (key: string) => cursor.field(key, (child) => child.string()) ?? '';
  const dockerfile = text('dockerfile');
  const dockerfileText = text('dockerfile_inline');
  if (dockerfile !== '' && dockerfileText !== '') {
    cursor.report('has both dockerfile and dockerfile_inline', 'remove one');
  }
  return {
    context: cursor.field('context', (child) => readContext(child, context)) ?? context.projectDirectory,
    dockerfile,
    dockerfileText,
    args: cursor.field('args', (child) => readArgs(child, context)) ?? {},
    target: text('target'),
    labels: cursor.field('labels', (child) => child.labels()) ?? {},
    noCache: cursor.field('no_cache', (child) => child.boolean()) ?? false,
    tags: cursor.field('tags', (child) => child.stringList()) ?? [],
  };
}

function readContext(cursor: Cursor, context: EnvironmentContext): string {
  const text = cursor.string();
  if (/^(https?|git|ssh):\/\/|^git@/.test(text)) {
    throw cursor.problem(`the remote build context "${text}" is not supported yet`, 'fetch it and name the directory');
  }
  return resolve(context.projectDirectory, text);
}

/** An argument without a value takes it from the environment, and stays out when that has none. */
function readArgs(cursor: Cursor, context: EnvironmentContext): Record<string, string> {
  const args: Record<string, string> = {};
  for (const [key, value] of cursor.keyValues()) {
    const actual = value ?? context.lookup(key);
    if (actual !== undefined) args[key] = actual;
  }
  return args;
}
