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

/** What isn't said is no part of the JSON; templates can ask for it all the same. */
export function healthcheckFields(health: Healthcheck): Fields {
  return {
    Test: health.test,
    Interval: unlessZero(nanoseconds(health.intervalMs)),
    Timeout: unlessZero(nanoseconds(health.timeoutMs)),
    StartPeriod: unlessZero(nanoseconds(health.startPeriodMs)),
    StartInterval: unlessZero(nanoseconds(health.startIntervalMs)),
    Retries: unlessZero(health.retries),
  };
}

function unlessZero(value: number): Value {
  return value === 0 ? () => 0 : value;
}
