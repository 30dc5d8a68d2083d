/** `healthcheck:` of a service (Compose specification, "healthcheck"). */
import { Healthcheck } from '../../proto/generated/gantry/v1/types.ts';
import { HEALTHCHECK_KEYS } from './keys.ts';
import type { Cursor } from './syntax/cursor.ts';

export function readHealthcheck(cursor: Cursor): Healthcheck {
  cursor.checkKeys(HEALTHCHECK_KEYS);
  if (cursor.field('disable', (child) => child.boolean()) === true) return Healthcheck.fromPartial({ test: ['NONE'] });
  const duration = (key: string) => cursor.field(key, (child) => child.durationMs()) ?? 0;
  return {
    test: cursor.field('test', readTest) ?? [],
    intervalMs: duration('interval'),
    timeoutMs: duration('timeout'),
    startPeriodMs: duration('start_period'),
    startIntervalMs: duration('start_interval'),
    retries: cursor.field('retries', (child) => child.integer(0, 10_000)) ?? 0,
  };
}

function readTest(cursor: Cursor): string[] {
  if (cursor.tree.kind === 'scalar') return ['CMD-SHELL', cursor.string()];
  const words = cursor.stringList();
  const [kind] = words;
  const valid = (kind === 'NONE' && words.length === 1) || (kind === 'CMD' && words.length > 1);
  if (!valid && !(kind === 'CMD-SHELL' && words.length === 2)) {
    throw cursor.problem('invalid test', 'write ["CMD", PROGRAM, ARG...], ["CMD-SHELL", SCRIPT] or ["NONE"]');
  }
  return words;
}
