/** `healthcheck` of a service. */
import { Healthcheck } from '../../../proto/generated/gantry/v1/types.ts';
import type { ModelCursor } from './model-cursor.ts';

export function convertHealthcheck(cursor: ModelCursor): Healthcheck {
  return cursor.object({}, (fields) => {
    const duration = (key: string) => fields.get(key, (child) => child.durationMs()) ?? 0;
    const isDisabled = fields.flag('disable');
    const healthcheck = {
      test: fields.get('test', readTest) ?? [],
      intervalMs: duration('interval'),
      timeoutMs: duration('timeout'),
      startPeriodMs: duration('start_period'),
      startIntervalMs: duration('start_interval'),
      retries: fields.get('retries', (child) => child.integer(0, 10_000)) ?? 0,
    };
    return isDisabled ? Healthcheck.fromPartial({ test: ['NONE'] }) : healthcheck;
  });
}

/** Its first word was checked with the model. */
function readTest(cursor: ModelCursor): string[] {
  const words = cursor.texts();
  const [kind] = words;
  const isValid = kind === 'CMD' ? words.length > 1 : kind === 'CMD-SHELL' ? words.length === 2 : words.length === 1;
  if (isValid) return words;
  throw cursor.problem('invalid test', 'write ["CMD", PROGRAM, ARG...], ["CMD-SHELL", SCRIPT] or ["NONE"]');
}
