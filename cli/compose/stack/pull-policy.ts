/** `pull_policy` and `pull_refresh_after`: what nodes pull, and when `compose up` looks for another image although there is one. */
import { PullPolicy } from '../../../proto/generated/gantry/v1/types.ts';
import { parseGoDuration } from '../model/go-text.ts';
import type { ServiceContext } from './context.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';

export type Renewal =
  | { readonly kind: 'none' }
  /** It is built each time. */
  | { readonly kind: 'build' }
  /** Registries are asked once it was pulled so long ago. */
  | { readonly kind: 'refresh'; readonly afterMs: number };

export interface ImagePolicy {
  /** Of each node, when it gets a task. */
  readonly pullPolicy: PullPolicy;
  readonly renewal: Renewal;
}

const DAY_MS = 24 * 3600_000;
const PERIODS: Readonly<Record<string, number>> = { daily: DAY_MS, weekly: 7 * DAY_MS };
const EVERY = 'every_';

export function convertImagePolicy(fields: Fields, context: ServiceContext): ImagePolicy {
  const isRefresh = fields.cursor('pull_policy')?.value === 'refresh';
  const after = fields.get('pull_refresh_after', (cursor) => {
    if (isRefresh) return milliseconds(cursor, cursor.text());
    throw cursor.problem('is for "pull_policy: refresh" alone', 'write that, or remove it');
  });
  const policy = fields.get('pull_policy', (cursor) => readPolicy(cursor, context, after));
  return policy ?? { pullPolicy: PullPolicy.MISSING, renewal: { kind: 'none' } };
}

function readPolicy(cursor: ModelCursor, { service }: ServiceContext, after: number | undefined): ImagePolicy {
  const word = cursor.text();
  const policy = (pullPolicy: PullPolicy, renewal: Renewal = { kind: 'none' }) => ({ pullPolicy, renewal });
  if (word === 'always') return policy(PullPolicy.ALWAYS);
  if (word === 'never') return policy(PullPolicy.NEVER);
  if (word === 'missing') return policy(PullPolicy.MISSING);
  if (word !== 'build') return policy(PullPolicy.MISSING, { kind: 'refresh', afterMs: periodOf(cursor, word, after) });
  if (cursor.placeAt('services', service, 'build').written === undefined) {
    throw cursor.problem('"build" without a build section', 'add "build", or write missing');
  }
  return policy(PullPolicy.MISSING, { kind: 'build' });
}

/** Milliseconds. The model has been read: there is no other word. */
function periodOf(cursor: ModelCursor, word: string, after: number | undefined): number {
  const period = word === 'refresh' ? after : PERIODS[word];
  if (period !== undefined) return period;
  if (word.startsWith(EVERY)) return milliseconds(cursor, word.slice(EVERY.length));
  throw cursor.problem('"refresh" says not after which time', 'add "pull_refresh_after: 12h", or write every_12h');
}

function milliseconds(cursor: ModelCursor, text: string): number {
  const nanoseconds = parseGoDuration(text);
  if (nanoseconds !== undefined && nanoseconds >= 0) return Math.round(nanoseconds / 1e6);
  throw cursor.problem(`"${text}" is not a duration`, 'write it as 12h, 3d or 1w');
}
