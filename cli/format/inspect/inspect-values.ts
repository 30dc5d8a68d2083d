/** What several objects' inspect forms share. */
import type { Healthcheck } from '../../../proto/generated/gantry/v1/types.ts';
import type { Fields, Value } from '../../../proto/template/values.ts';

const NANOSECONDS_PER_MS = 1_000_000;

export function stringMap(record: Readonly<Record<string, string>> | undefined): Value {
  return new Map(Object.entries(record ?? {}));
}

/** Docker's durations are nanoseconds. */
export function nanoseconds(milliseconds: number): number {
  return milliseconds * NANOSECONDS_PER_MS;
}

export function healthcheckFields(health: Healthcheck): Fields {
  return {
    Test: health.test,
    Interval: nanoseconds(health.intervalMs),
    Timeout: nanoseconds(health.timeoutMs),
    StartPeriod: nanoseconds(health.startPeriodMs),
    StartInterval: nanoseconds(health.startIntervalMs),
    Retries: health.retries,
  };
}
