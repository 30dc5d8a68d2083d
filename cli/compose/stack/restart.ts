/** `restart` and `deploy.restart_policy`: what happens when a task ends. */
import { RestartCondition, RestartPolicy } from '../../../proto/generated/gantry/v1/types.ts';
import { objectOf } from '../model/json.ts';
import type { Model } from '../model/normalize.ts';
import type { ServiceContext } from './context.ts';
import type { ModelCursor } from './model-cursor.ts';

/** Compose takes two words of the short form here, too. */
const CONDITIONS = {
  any: RestartCondition.ANY,
  always: RestartCondition.ANY,
  'unless-stopped': RestartCondition.ANY,
  'on-failure': RestartCondition.ON_FAILURE,
  none: RestartCondition.NONE,
} as const;

type ConditionWord = keyof typeof CONDITIONS;
const WORDS = Object.keys(CONDITIONS) as ConditionWord[];

/** `short` is `restart`, `long` is `deploy.restart_policy`, which counts where both are. */
export function convertRestart(
  short: ModelCursor | undefined,
  long: ModelCursor | undefined,
  isJob: boolean,
  { model, service, defaultRestart = 'any' }: Pick<ServiceContext, 'model' | 'service' | 'defaultRestart'>,
): RestartPolicy {
  const ofShort = short?.attempt(readShort);
  // A job that is always restarted would never be done.
  const ofLong = long?.attempt((cursor) => readLong(cursor, isJob ? 'on-failure' : 'any'));
  const otherwise = isJob ? 'on-failure' : isToComplete(model, service) ? 'none' : defaultRestart;
  const policy = ofLong ?? ofShort ?? RestartPolicy.fromPartial({ condition: CONDITIONS[otherwise] });
  if (isJob && policy.condition === RestartCondition.ANY) {
    const place = ofLong === undefined ? short : long;
    place?.report('a job that is always restarted is never done', 'restart it on-failure, or not at all');
  }
  return policy;
}

/** Others wait until it has done its work: to do that again and again isn't meant. */
function isToComplete(model: Model, service: string): boolean {
  return Object.values(model.services).some(
    ({ depends_on: needs }) => objectOf(objectOf(needs)[service]).condition === 'service_completed_successfully',
  );
}

function readLong(cursor: ModelCursor, otherwise: ConditionWord): RestartPolicy {
  return cursor.object({}, (fields) => ({
    condition: CONDITIONS[fields.get('condition', (one) => one.oneOf(WORDS)) ?? otherwise],
    delayMs: fields.get('delay', (one) => one.durationMs()),
    maxAttempts: fields.get('max_attempts', (one) => one.integer(0, 1_000_000)) ?? 0,
    windowMs: fields.get('window', (one) => one.durationMs()) ?? 0,
  }));
}

/** on-failure:3 */
function readShort(cursor: ModelCursor): RestartPolicy {
  const text = cursor.text();
  const match = /^(no|always|unless-stopped|on-failure)(?::(\d+))?$/.exec(text);
  if (match === null || (match[2] !== undefined && match[1] !== 'on-failure')) {
    throw cursor.problem(`unknown restart policy "${text}"`, 'write no, always, unless-stopped or on-failure[:N]');
  }
  const word = match[1] === 'no' ? 'none' : match[1] === 'on-failure' ? 'on-failure' : 'any';
  return RestartPolicy.fromPartial({ condition: CONDITIONS[word], maxAttempts: Number(match[2] ?? 0) });
}
